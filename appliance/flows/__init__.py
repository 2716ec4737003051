"""What a flow is and how it runs. No flow's text is in Python; nothing here waits, writes or calls."""
