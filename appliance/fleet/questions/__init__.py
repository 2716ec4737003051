"""What callers of the whole fleet asked in vain, put together by what it means."""
