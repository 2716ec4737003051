"""What the house's own papers say, found by words and by meaning."""

from appliance.documents.documents import Documents, Passage

__all__ = ["Documents", "Passage"]
