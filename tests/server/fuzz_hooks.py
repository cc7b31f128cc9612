"""What a description cannot say in the format of times: years are those that every engine keeps."""

from __future__ import annotations

from typing import Any

import schemathesis


@schemathesis.hook
def map_body(context: Any, body: Any) -> Any:
    for one in body if isinstance(body, list) else [body]:
        if isinstance(one, dict) and isinstance(one.get("invoked_at"), str) and one["invoked_at"][4:5] == "-":
            one["invoked_at"] = f"20{one['invoked_at'][2:].replace('02-29', '02-28')}"
    return body
