(function () {
  "use strict";
  document.querySelectorAll('script[data-figure]').forEach(function (source) {
    var figure = JSON.parse(source.textContent);
    var narrow = window.innerWidth < 600;
    if (narrow) { figure.layout.font.size = 11; }
    Plotly.newPlot(source.getAttribute("data-figure"), figure.data, figure.layout, { responsive: true, displaylogo: false, displayModeBar: false });
  });
})();
