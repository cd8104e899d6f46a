//! `igql completions` and `igql man`: what shells and `man` know of the command, from its own
//! description.

use super::{Failure, command, out};
use clap::Args;
use clap_complete::{Shell, generate};
use clap_mangen::Man;

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql completions bash > ~/.local/share/bash-completion/completions/igql\n  \
    igql completions zsh > \"${fpath[1]}/_igql\"\n  \
    igql completions fish > ~/.config/fish/completions/igql.fish")]
pub struct CompletionsArgs {
    /// The shell
    #[arg(value_enum, value_name = "SHELL")]
    shell: Shell,
}

#[derive(Args)]
#[command(after_help = "Examples:\n  \
    igql man > ~/.local/share/man/man1/igql.1\n  \
    igql man run | man -l -")]
pub struct ManArgs {
    /// The command whose page to print [default: the page of igql]
    #[arg(value_name = "COMMAND")]
    command: Option<String>,
}

pub fn completions(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut script = Vec::new();
    generate(args.shell, &mut command(), "igql", &mut script);
    out::print(&String::from_utf8_lossy(&script))
}

pub fn man(args: &ManArgs) -> Result<(), Failure> {
    let mut all = command();
    // gives the commands their whole names
    all.build();
    let page = match &args.command {
        None => all,
        Some(name) => match all.find_subcommand(name) {
            Some(command) => command.clone(),
            None => {
                let names = all.get_subcommands().map(|c| format!("`{}`", c.get_name()));
                let names: Vec<String> = names.collect();
                return Err(Failure::Usage(format!(
                    "there is no command `{name}`\nhelp: the commands are {}",
                    names.join(", ")
                )));
            }
        },
    };
    let mut text = Vec::new();
    let rendered = Man::new(page).render(&mut text);
    rendered.map_err(|e| out::failed("the manual page", &e))?;
    out::print(&String::from_utf8_lossy(&text))
}
