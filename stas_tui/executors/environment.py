"""What a program that does the work may see of the environment: an allow-list, and names that nobody may add."""

from __future__ import annotations

import fnmatch
from collections.abc import Mapping

from stas_tui.executors.base import ExecutorError, Preset, RunRequest

ALLOWED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TERM", "TMPDIR", "TZ"),
    *("SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS", "GIT_SSL_CAINFO"),
    *("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy"),
)
"""Names and patterns of variables that are passed on."""

NEVER = (
    *(
        "SSH_AUTH_SOCK",
        "SSH_AGENT_PID",
        "SSH_ASKPASS",
        "GIT_ASKPASS",
        "GH_*",
        "GITHUB_*",
        "GITLAB_*",
        "GL_*",
        "SLACK_*",
    ),
    *("AWS_*", "AZURE_CLIENT_*", "AZURE_TENANT_*", "AZURE_USERNAME", "AZURE_PASSWORD", "ARM_*", "CLOUDSDK_*"),
    *("GOOGLE_APPLICATION_CREDENTIALS", "GCP_*", "DIGITALOCEAN_*", "KUBECONFIG", "VAULT_*", "STAS_*"),
    *("LD_PRELOAD", "LD_LIBRARY_PATH", "PYTHONPATH", "PYTHONSTARTUP", "NODE_OPTIONS"),
)
"""Names and patterns that a preset cannot ask for: tokens of forges, clouds, chats and agents."""

_FIXED = {"CI": "1", "GIT_TERMINAL_PROMPT": "0", "NO_COLOR": "1"}


def _any(name: str, patterns: tuple[str, ...]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def forbidden(preset: Preset) -> list[str]:
    """Variables the preset asks for and no executor ever gets."""
    return sorted({name for name in (*preset.env_allow, *preset.env) if _any(name.upper(), NEVER)})


def allowed(environment: Mapping[str, str], also: tuple[str, ...] = ()) -> dict[str, str]:
    """The part of an environment that may be passed on: `ALLOWED` and the names in `also`, never `NEVER`."""
    return {
        name: value
        for name, value in environment.items()
        if (name in also or _any(name, ALLOWED)) and not _any(name.upper(), NEVER)
    }


def for_run(request: RunRequest, environment: Mapping[str, str], prompt_file: str) -> dict[str, str]:
    """The whole environment of a run's program. Raises `ExecutorError` if the preset asks for a forbidden variable."""
    refused = forbidden(request.preset)
    if refused:
        raise ExecutorError(
            f"The preset {request.preset.name} asks for {', '.join(refused)}; an executor never gets these.",
            "Take them out of the preset; a program that needs a model key gets that one key.",
        )
    return {
        **allowed(environment, request.preset.env_allow),
        **request.preset.env,
        **_FIXED,
        "STAS_RUN_ID": request.run_id,
        "STAS_TASK_ID": request.task_id,
        "STAS_PROJECT_ID": request.project_id,
        "STAS_BASE_SHA": request.base_sha,
        "STAS_PROMPT_FILE": prompt_file,
        "STAS_RESULT_FILE": str(request.workspace / ".stas" / "result.json"),
    }
