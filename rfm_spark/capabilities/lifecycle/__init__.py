"""At which stage of being a customer somebody is, by the rhythm of their own orders."""
