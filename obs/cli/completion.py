"""Complete verbs and options in a shell."""

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
def completion(shell: str) -> None:
    r"""
    Print the script that completes `obs` in a shell.

    \b
    eval "$(obs completion bash)"          in ~/.bashrc
    eval "$(obs completion zsh)"           in ~/.zshrc
    obs completion fish | source           in ~/.config/fish/config.fish
    """
    root = click.get_current_context().find_root().command
    found = get_completion_class(shell)
    if found is None:
        raise click.ClickException(f"click completes no {shell}; it completes {', '.join(SHELLS)}")
    click.echo(found(root, {}, "obs", "_OBS_COMPLETE").source())
