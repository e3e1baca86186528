//! `link-peeler completions`: what a shell needs to complete our commands.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use crate::exit::{Ended, Exit};
use crate::output;

#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  link-peeler completions bash >~/.local/share/bash-completion/completions/link-peeler
  link-peeler completions zsh >\"${fpath[1]}/_link-peeler\"
  link-peeler completions fish >~/.config/fish/completions/link-peeler.fish")]
pub(crate) struct Arguments {
    /// The shell
    shell: Shell,
}

pub(crate) fn run(arguments: &Arguments) -> Ended {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut crate::arguments::Arguments::command(), "link-peeler", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Ok)
}
