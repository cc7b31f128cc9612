"""CI: commands and tests that tell how they went, and gates that look at how they have been going."""
