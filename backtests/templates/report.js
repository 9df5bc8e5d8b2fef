(function () {
  "use strict";
  document.querySelectorAll('script[data-figure]').forEach(function (source) {
    var figure = JSON.parse(source.textContent);
    var narrow = window.innerWidth < 600;
    if (narrow) {
      figure.layout.font.size = 11;
      // panels side by side keep their width and scroll by themselves
      var small = Object.keys(figure.layout).some(function (name) {
        var domain = /^xaxis/.test(name) && figure.layout[name].domain;
        return domain && domain[1] - domain[0] < 0.45;
      });
      if (small) { figure.layout.autosize = false; figure.layout.width = 760; }
    }
    Plotly.newPlot(source.getAttribute("data-figure"), figure.data, figure.layout, { responsive: true, displaylogo: false, displayModeBar: false });
  });
})();
