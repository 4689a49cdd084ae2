"""What may a log line hold that nobody but its program should know?"""

FIELDS = "authorization|cookie|set-cookie|password|passwd|secret|token|access_token|refresh_token|api_key|apikey"

MASKED = "***"
SECRETS = (  # of a program that keeps no secrets of its own; what `telemetry` writes is clean already
    (rf'(?i)\\?"(?:{FIELDS})\\?"\s*:\s*\\?"', r'[^"\\]+', ""),
    (rf"(?i)\b(?:{FIELDS})=", r"[^\s&\"';,]+", ""),
    (r"(?i)\bbearer\s+", r"[A-Za-z0-9._~+/-]{8,}=*", ""),
    (r"://[^:/?#@\s]*:", r"[^@/\s]+", "@"),
)
"""What stands before a secret, the secret itself, and what stands after it: three parts of one RE2 expression."""
