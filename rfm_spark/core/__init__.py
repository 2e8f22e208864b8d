"""Ground floor: configuration, errors, sessions, money and time; nothing here reads a lake or names a capability."""
