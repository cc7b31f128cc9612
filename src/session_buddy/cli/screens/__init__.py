"""What people see: one function for each report, from its value to something ``rich`` prints."""
