"""Monitoring: time series, trends and anomalies. Pure but for the module that talks to the store."""
