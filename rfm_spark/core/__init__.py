"""Ground floor: configuration, errors, sessions, schemas, money and time rules."""
