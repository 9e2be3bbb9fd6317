"""The program inside the jail: takes requests as lines of JSON, does each, and answers with one line.

Run as `child.py KIND`; KIND is `alembic`, `postgres` or `sqlite`: a file beside this one with a class `Handler`.
Standard library only, because it runs in the project's own interpreter. What migrations print goes to standard error.
"""

from __future__ import annotations

import importlib.util
import json
import os
import sys
from pathlib import Path
from typing import Any

LONGEST_TEXT = 4_000
MOST_STATEMENTS = 300


def main(arguments: list[str]) -> int:
    """Answer requests until there are none. The first line holds the handler's settings."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    path = Path(__file__).with_name(f"child_{arguments[0]}.py")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    handler: Any = None
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if handler is None:
                handler = module.Handler(request)
                answer = {"ready": True, **handler.about}
            else:
                answer = handler.do(request)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - whatever a migration raises is the answer
            answer = failed(error, getattr(handler, "phase", "load"))
        answer["statements"] = [text[:LONGEST_TEXT] for text in getattr(handler, "statements", ())][:MOST_STATEMENTS]
        json.dump(answer, answers)
        answers.write("\n")
        answers.flush()
    return 0


def failed(error: BaseException, phase: str) -> dict[str, Any]:
    """An error as an answer: its class, its words, the database's code for it, and where it was raised."""
    root = getattr(error, "orig", None) or error
    code = getattr(root, "sqlstate", None) or getattr(root, "pgcode", None) or ""
    places = []
    trace = error.__traceback__
    while trace is not None:
        places.append((trace.tb_frame.f_code.co_filename, trace.tb_lineno))
        trace = trace.tb_next
    names = [base.__name__ for base in type(root).__mro__]
    return {
        "error": str(root)[:LONGEST_TEXT],
        "class": type(root).__name__,
        "bases": names,
        "sqlstate": str(code),
        "phase": phase,
        "dialect": getattr(error, "dialect_name", ""),
        "places": [[str(name), line] for name, line in places[-40:]],
    }


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
