"""A front desk that answers by itself, offline."""

import os

__version__ = "0.1.0"

# Since 1.29 onnxruntime tells its maker of each model that is run, and by whom. It looks here when loaded.
# https://github.com/microsoft/onnxruntime/blob/main/docs/Privacy.md
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
