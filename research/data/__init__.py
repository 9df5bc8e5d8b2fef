"""Data the package ships: taxonomy, lexicons, security master, each with its source."""
