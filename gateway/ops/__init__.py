"""What operators see of a running gateway: metrics, admin HTTP, call records and logs. It never touches SIP."""
