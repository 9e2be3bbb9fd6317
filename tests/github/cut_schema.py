"""Cuts GitHub's published description of its API down to the answers that Stas reads, as JSON Schema.

npm pack @octokit/openapi@23.0.2 && tar xzf octokit-openapi-23.0.2.tgz
python tests/github/cut_schema.py package/generated/api.github.com.json package/LICENSE
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
REPO = "/repos/{owner}/{repo}"
WANTED = {
    "GET /user": ("200", "401"),
    f"GET {REPO}": ("200", "404"),
    f"GET {REPO}/branches/{{branch}}": ("200", "404"),
    f"GET {REPO}/rules/branches/{{branch}}": ("200",),
    f"GET {REPO}/pulls": ("200",),
    f"POST {REPO}/pulls": ("201", "403", "422"),
    f"GET {REPO}/pulls/{{pull_number}}": ("200", "404"),
    f"PATCH {REPO}/pulls/{{pull_number}}": ("200", "403", "422"),
    f"GET {REPO}/pulls/{{pull_number}}/files": ("200",),
    f"GET {REPO}/pulls/{{pull_number}}/reviews": ("200",),
    f"POST {REPO}/pulls/{{pull_number}}/reviews": ("200", "403", "422"),
    f"GET {REPO}/commits/{{ref}}/check-runs": ("200",),
    f"GET {REPO}/commits/{{ref}}/statuses": ("200",),
    f"GET {REPO}/actions/runs": ("200",),
    f"GET {REPO}/deployments": ("200",),
    f"GET {REPO}/deployments/{{deployment_id}}/statuses": ("200",),
}
NOISE = ("description", "example", "examples", "externalDocs", "deprecated", "title", "xml", "discriminator")


def cleaned(schema: Any) -> Any:
    """A schema without prose, `nullable` written as JSON Schema writes it."""
    if isinstance(schema, list):
        return [cleaned(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for name, value in schema.items():
        if name == "properties":
            out[name] = {key: cleaned(item) for key, item in value.items()}
        elif name not in NOISE and not name.startswith("x-") and name != "nullable":
            out[name] = value if name in ("enum", "required", "default", "const") else cleaned(value)
    if schema.get("nullable"):
        if "enum" in out and None not in out["enum"]:
            out["enum"] = [*out["enum"], None]
        if isinstance(out.get("type"), str):
            out["type"] = [out["type"], "null"]
        elif "type" not in out:
            out = {"anyOf": [out, {"type": "null"}]}
    return out


def references(schema: Any) -> set[str]:
    """Names of the components that a schema refers to."""
    if isinstance(schema, list):
        return {name for item in schema for name in references(item)}
    if not isinstance(schema, dict):
        return set()
    own = {schema["$ref"].rpartition("/")[2]} if isinstance(schema.get("$ref"), str) else set()
    return own | {name for item in schema.values() for name in references(item)}


def cut(api: dict[str, Any]) -> dict[str, Any]:
    """The wanted answers with every component that they need."""
    answers: dict[str, dict[str, Any]] = {}
    for wanted, statuses in WANTED.items():
        method, _, path = wanted.partition(" ")
        responses = api["paths"][path][method.lower()]["responses"]
        for status in statuses:
            answer = responses[status]
            if "$ref" in answer:
                answer = api["components"]["responses"][answer["$ref"].rpartition("/")[2]]
            answers.setdefault(wanted, {})[status] = cleaned(answer["content"]["application/json"]["schema"])
    needed, waiting = {}, references(answers) | {"validation-error", "validation-error-simple", "basic-error"}
    while waiting:
        name = waiting.pop()
        needed[name] = cleaned(api["components"]["schemas"][name])
        waiting |= references(needed[name]) - needed.keys()
    return {
        "source": f"@octokit/openapi {api['info']['version']}, cut by cut_schema.py; licence in schema.LICENSE",
        "answers": answers,
        "components": {"schemas": dict(sorted(needed.items()))},
    }


if __name__ == "__main__":
    small = cut(json.loads(Path(sys.argv[1]).read_text("utf-8")))
    (HERE / "schema.json").write_text(json.dumps(small, separators=(",", ":"), ensure_ascii=True) + "\n", "ascii")
    (HERE / "schema.LICENSE").write_text(Path(sys.argv[2]).read_text("utf-8"), "utf-8")
    print(len(small["components"]["schemas"]), "components")
