"""Presets: how known programs are run without a person at their keyboard, as data."""

from __future__ import annotations

from collections.abc import Sequence

from stas_tui.executors.base import ExecutorError, Preset

PRESETS: dict[str, Preset] = {
    preset.name: preset
    for preset in (
        Preset(
            name="claude",
            argv=("claude", "--print", "--permission-mode", "acceptEdits", "--model", "{model}"),
            env_allow=("ANTHROPIC_API_KEY",),
        ),
        Preset(
            name="codex",
            argv=("codex", "exec", "--sandbox", "workspace-write", "--model", "{model}", "-"),
            env_allow=("OPENAI_API_KEY",),
        ),
        Preset(
            name="opencode",
            argv=("opencode", "run", "--model", "{model}"),
            prompt_via="arg",
            env_allow=("OPENCODE_API_KEY",),
        ),
        Preset(
            name="gemini",
            argv=("gemini", "--approval-mode", "auto_edit", "--model", "{model}"),
            env_allow=("GEMINI_API_KEY",),
        ),
        Preset(
            name="aider",
            argv=(
                *("aider", "--yes-always", "--no-auto-commits", "--no-check-update", "--no-pretty", "--no-stream"),
                *("--model", "{model}", "--message-file", "{prompt_file}"),
            ),
            prompt_via="file",
            env_allow=("OPENAI_API_KEY",),
        ),
    )
}
"""Each passes one credential by name. A configuration may name other arguments, credentials or programs."""


def preset(name: str) -> Preset:
    """A shipped preset. Raises `ExecutorError` for a name that is none."""
    try:
        return PRESETS[name]
    except KeyError:
        raise ExecutorError(
            f"There is no executor preset {name}.", f"Use one of {', '.join(PRESETS)}, or name a program of your own."
        ) from None


def script(argv: Sequence[str], *, name: str = "script", prompt_via: str = "stdin") -> Preset:
    """A preset for any program: it reads the prompt from standard input, `$STAS_PROMPT_FILE` or its last argument.

    Raises `ExecutorError` for an empty list or another way to hand over the prompt.
    """
    if not argv or not argv[0]:
        raise ExecutorError("An executor needs a program.", "Name one as a list of arguments.")
    if prompt_via not in ("stdin", "file", "arg"):
        raise ExecutorError(f"A prompt cannot go via {prompt_via}.", "Use stdin, file or arg.")
    return Preset(name=name, argv=tuple(argv), prompt_via=prompt_via)


def command_line(preset: Preset, *, model: str, prompt_file: str, prompt: str) -> list[str]:
    """The preset's arguments with `{model}` and `{prompt_file}` filled in; a prompt that goes as one comes last.

    Without a model, an argument that names it is left out, together with the option before it.
    """
    argv: list[str] = []
    for part in preset.argv:
        if "{model}" in part and not model:
            if part == "{model}" and len(argv) > 1 and argv[-1].startswith("-"):
                argv.pop()
            continue
        argv.append(part.replace("{model}", model).replace("{prompt_file}", prompt_file))
    return [*argv, prompt] if preset.prompt_via == "arg" else argv
