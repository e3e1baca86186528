//! `link-peeler devices`: an operator on the relay's own machine sees the desktops that work for it, and revokes them.

use clap::{Args, Subcommand};
use protocol::DeviceId;
use relay::LinkedDevice;
use reqwest::Method;

use crate::exit::{Ended, Exit};
use crate::operator::Operator;
use crate::output;

#[derive(Args, Debug)]
#[command(after_help = "\
Works on the relay's own machine: the operator's token lies in the relay's data folder, readable by its owner alone.

Examples:
  link-peeler devices list
  link-peeler devices revoke dev_…")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List desktops that were linked, revoked ones included
    List(Operator),
    /// Revoke a desktop: it gets no more jobs, and what it was working on goes to the others
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Revoke {
    /// Id of the device
    #[arg(value_name = "DEVICE_ID")]
    device: DeviceId,
    #[command(flatten)]
    operator: Operator,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(operator) => list(&operator).await,
        Command::Revoke(arguments) => revoke(&arguments).await,
    }
}

async fn list(operator: &Operator) -> Ended {
    let devices: Vec<LinkedDevice> = operator.ask(Method::GET, "/api/operator/devices", "Nothing is there").await?;
    if operator.json {
        for device in &devices {
            output::json(device)?;
        }
        return Ok(Exit::Ok);
    }
    let rows = devices.into_iter().map(|device| {
        let revoked = device.revoked_at.map_or_else(String::new, |at| at.to_string());
        vec![device.device_id.to_string(), device.name, device.platform, device.linked_at.to_string(), revoked]
    });
    output::line(&output::table(&["device", "name", "platform", "linked", "revoked"], rows))?;
    Ok(Exit::Ok)
}

async fn revoke(Revoke { device, operator }: &Revoke) -> Ended {
    let path = format!("/api/operator/devices/{device}/revoke");
    let revoked: LinkedDevice = operator.ask(Method::POST, &path, "No desktop was linked under this id").await?;
    if operator.json {
        output::json(&revoked)?;
    } else {
        output::line(&format!("{} ({}, {}) is revoked", revoked.device_id, revoked.name, revoked.platform))?;
    }
    Ok(Exit::Ok)
}
