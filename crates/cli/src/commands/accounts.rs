//! `link-peeler accounts`: whoever is at the relay's own machine makes accounts and gives them plans.

use clap::{Args, Subcommand};
use relay::ListedAccount;
use reqwest::Method;
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::operator::Operator;
use crate::output;
use crate::query::segment;

#[derive(Args, Debug)]
#[command(after_help = "\
Works on the relay's own machine: the operator's token lies in the relay's data folder, readable by its owner alone. Accounts \
share nothing: neither keys nor desktops, rows, jobs, quota nor people. One person may belong to many.

Examples:
  link-peeler accounts create 'Zebra Ltd' --plan pro
  link-peeler operators setup-link --account 'Zebra Ltd'
  link-peeler accounts list --json
  link-peeler accounts plan 'Zebra Ltd' unlimited")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List accounts by name
    List(Operator),
    /// Make an account; nobody belongs to it yet
    Create(Create),
    /// Give an account another plan
    Plan(Plan),
}

#[derive(Args, Debug)]
struct Create {
    /// What people call it; unique
    #[arg(value_name = "NAME")]
    name: String,
    /// Its plan
    #[arg(long, value_name = "PLAN", default_value = domain::Plans::UNLIMITED)]
    plan: String,
    #[command(flatten)]
    operator: Operator,
}

#[derive(Args, Debug)]
struct Plan {
    /// Name of the account
    #[arg(value_name = "NAME")]
    name: String,
    /// The plan that it gets
    #[arg(value_name = "PLAN")]
    plan: String,
    #[command(flatten)]
    operator: Operator,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(operator) => list(&operator).await,
        Command::Create(Create { name, plan, operator }) => {
            let body = json!({"name": name, "plan": plan});
            let made: ListedAccount = operator.send(Method::POST, "/api/operator/accounts", Some(&body), "Nothing is there").await?;
            show(&operator, &made, &format!("{} is made, on the plan {}", made.name, made.plan))
        }
        Command::Plan(Plan { name, plan, operator }) => {
            let path = format!("/api/operator/accounts/{}/plan", segment(&name));
            let changed: ListedAccount =
                operator.send(Method::POST, &path, Some(&json!({"plan": plan})), "No account has this name").await?;
            show(&operator, &changed, &format!("{} is on the plan {}", changed.name, changed.plan))
        }
    }
}

async fn list(operator: &Operator) -> Ended {
    let mut accounts = Vec::new();
    loop {
        let after = accounts.last().map_or("", |account: &ListedAccount| account.name.as_str());
        let path = format!("/api/operator/accounts?after={}", segment(after));
        let page: Vec<ListedAccount> = operator.ask(Method::GET, &path, "Nothing is there").await?;
        if page.is_empty() {
            break;
        }
        accounts.extend(page);
    }
    if operator.json {
        for account in &accounts {
            output::json(account)?;
        }
        return Ok(Exit::Ok);
    }
    let rows = accounts
        .into_iter()
        .map(|account| vec![account.name, account.plan, account.created_at.to_string(), account.account_id.to_string()]);
    output::line(&output::table(&["name", "plan", "made", "id"], rows))?;
    Ok(Exit::Ok)
}

fn show(operator: &Operator, account: &ListedAccount, words: &str) -> Result<Exit, Failure> {
    if operator.json {
        output::json(account)?
    } else {
        output::line(words)?
    }
    Ok(Exit::Ok)
}
