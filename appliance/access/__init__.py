"""Who may what: accounts, sessions and tokens, and the door of a page. The box's page and the fleet's are two
houses of the same kind; of neither is anything known here."""
