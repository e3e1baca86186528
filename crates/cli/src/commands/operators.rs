//! `link-peeler operators`: whoever is at the relay's own machine brings people in.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use domain::Role;
use protocol::{Clock as _, SystemClock};
use relay::{ListedPeople, OneTimeLink};
use reqwest::Method;
use serde_json::{Value, json};

use crate::database_place::NamedDatabase;
use crate::exit::{Ended, Exit, Failure};
use crate::operator::Operator;
use crate::output;
use crate::public_url::PublicUrl;
use crate::query::segment;

#[derive(Args, Debug)]
#[command(after_help = "\
Works on the relay's own machine: the operator's token lies in the relay's data folder, readable by its owner alone. With \
--database, `setup-link` writes to the database itself, also when no relay runs.

The token acts for the relay as a whole: linking codes and devices of its own account, accounts and their plans, people. It \
reads neither jobs nor rows nor keys.

Examples:
  link-peeler operators setup-link
  link-peeler operators setup-link --account 'Zebra Ltd'
  link-peeler operators invite ada@company.example --role operator
  link-peeler operators list --json
  link-peeler operators remove ada@company.example")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List the people of an account, and who is invited
    List(List),
    /// Make an invitation; nothing is sent, the link is printed for you to pass on
    Invite(Invite),
    /// Take somebody out of an account, or their invitation back
    Remove(Remove),
    /// Print a one-time link that makes an owner: for the first one, and for one who has lost their passphrase
    SetupLink(SetupLink),
}

#[derive(Args, Debug)]
struct OfAccount {
    /// Name of the account
    #[arg(long, value_name = "NAME", default_value = relay::DEFAULT_ACCOUNT)]
    account: String,
    #[command(flatten)]
    operator: Operator,
}

#[derive(Args, Debug)]
struct List {
    #[command(flatten)]
    of: OfAccount,
}

#[derive(Args, Debug)]
struct Invite {
    /// Whom
    #[arg(value_name = "EMAIL")]
    email: String,
    /// What they may do: `viewer` sees everything, `operator` links desktops and manages keys, rows and jobs, `owner` decides over people too
    #[arg(long, value_name = "ROLE", default_value_t = Role::Operator)]
    role: Role,
    #[command(flatten)]
    of: OfAccount,
}

#[derive(Args, Debug)]
struct Remove {
    /// Email address, or id
    #[arg(value_name = "EMAIL")]
    operator: String,
    #[command(flatten)]
    of: OfAccount,
}

#[derive(Args, Debug)]
struct SetupLink {
    /// Write to this database instead of asking the relay: a path of a SQLite file, a postgres:// URL, or @FILE with that
    /// URL in it
    #[arg(long, env = "LINK_PEELER_DATABASE", hide_env_values = true, value_name = "DATABASE")]
    database: Option<NamedDatabase>,
    /// With --database: the URL under which the relay will be opened
    #[arg(long, env = "LINK_PEELER_PUBLIC_URL", value_name = "URL", default_value = crate::caller::DEFAULT_RELAY)]
    public_url: PublicUrl,
    #[command(flatten)]
    of: OfAccount,
}

/// What it means when the relay knows nothing of what was named.
const NO_ACCOUNT: &str = "No account has this name";

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(List { of }) => list(&of).await,
        Command::Invite(Invite { email, role, of }) => {
            let body = json!({"email": email, "role": role.name()});
            let link: OneTimeLink = of.send("invitations", Some(&body)).await?;
            of.show_link(&link, &format!("{email} is invited as {role}. Pass this link on; it works once, and for a week:"))
        }
        Command::Remove(Remove { operator, of }) => {
            let path = format!("{}/operators/{}/remove", of.path(), segment(&operator));
            let removed: Value = of
                .operator
                .send(Method::POST, &path, None, "Nobody in the account, and nobody who is invited, has this address or id")
                .await?;
            if of.operator.json {
                output::json(&removed)?
            } else if removed.get("invitationId").is_some() {
                output::line(&format!("{operator} is no longer invited to {}", of.account))?
            } else {
                output::line(&format!("{operator} is removed from {}", of.account))?
            }
            Ok(Exit::Ok)
        }
        Command::SetupLink(SetupLink { database, public_url, of }) => {
            let link = match database {
                None => of.send("setup-link", None).await?,
                Some(database) => {
                    let url = relay::setup_link_on(&database.url()?, &of.account, &public_url.to_string(), SystemClock.now()).await;
                    let url = url.context("the database cannot be used")?;
                    let url = url.ok_or_else(|| Failure::usage(format!("{NO_ACCOUNT}: {}", of.account)))?;
                    OneTimeLink { url: url.expose().to_owned() }
                }
            };
            of.show_link(&link, &format!("Whoever opens this link within a day becomes an owner of {}; it works once:", of.account))
        }
    }
}

impl OfAccount {
    fn path(&self) -> String {
        format!("/api/operator/accounts/{}", segment(&self.account))
    }

    async fn send(&self, what: &str, body: Option<&Value>) -> Result<OneTimeLink, Failure> {
        self.operator.send(Method::POST, &format!("{}/{what}", self.path()), body, NO_ACCOUNT).await
    }

    fn show_link(&self, link: &OneTimeLink, words: &str) -> Ended {
        if self.operator.json {
            output::json(link)?;
        } else {
            output::note(words);
            output::line(&link.url)?;
        }
        Ok(Exit::Ok)
    }
}

async fn list(of: &OfAccount) -> Ended {
    let people: ListedPeople = of.operator.ask(Method::GET, &format!("{}/operators", of.path()), NO_ACCOUNT).await?;
    if of.operator.json {
        output::json(&people)?;
        return Ok(Exit::Ok);
    }
    let members = people.members.into_iter().map(|member| vec![member.email, member.name, member.role, format!("since {}", member.since)]);
    let invited = people
        .invitations
        .into_iter()
        .map(|invitation| vec![invitation.email, String::new(), invitation.role, format!("invited until {}", invitation.expires_at)]);
    output::line(&output::table(&["email", "name", "role", ""], members.chain(invited)))?;
    Ok(Exit::Ok)
}
