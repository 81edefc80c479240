"""What watches a program run: anomalies found, steps profiled, graphs drawn, layers told in a table."""
