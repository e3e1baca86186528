//! `link-peeler keys`: the account's API keys, through the desktop that is linked here.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use desktop::{CreatedKey, Intent, Keys, KeysError, KnownKey, SecretsPlace};
use owo_colors::OwoColorize as _;
use protocol::key::{AddressRange, KeyTerms, Scope, Scopes};
use protocol::{Clock as _, Environment, KeyId, SystemClock, UnixMillis};
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::span::{Span, When};
use crate::{data_dir, output};

#[derive(Args, Debug)]
#[command(after_help = "\
Id and secret are made on this machine. The secret is shown once, and kept in this system's keychain, or in a file that \
only its owner can read (`link-peeler desktop status` says where); the relay keeps it sealed.

Examples:
  link-peeler keys create --label 'nightly script'
  link-peeler keys create --label 'dashboard' --scope read --from 192.0.2.0/24 --expires 90d
  link-peeler keys create --test --label 'trying out' --json
  link-peeler keys list
  link-peeler keys rotate lp_live_… --overlap 24h     (both secrets sign for a day)
  link-peeler keys revoke lp_live_…")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    /// List keys, newest first
    #[command(after_help = "\
What is known here is brought in line with the relay first: what a crash has broken off is ended, what was changed
elsewhere is taken, and what was revoked stays revoked.")]
    List(List),
    /// Show one key
    Show(Show),
    /// Make a key
    Create(Create),
    /// Give a key another secret, with both signing for a while
    #[command(after_help = "\
Put the new secret where the old one is used before the overlap is over. `GET /api/links/verify` tells a caller by
`secretEndsAt` that it still signs with the old one. A key that was made on another desktop can be rotated here, too;
its secret is then here.")]
    Rotate(Rotate),
    /// Give a key another label
    Rename(Rename),
    /// Revoke a key, for good: it signs nothing any more, on any relay, within a second
    Revoke(Revoke),
}

#[derive(Args, Debug)]
struct Common {
    /// Data folder of the linked desktop
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Where the relay is now; by default where it was when the desktop was linked
    #[arg(long, value_name = "URL")]
    relay: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct List {
    /// Revoked and expired keys, too
    #[arg(long)]
    all: bool,
    /// What is known here, without asking the relay
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Show {
    /// Public id of the key
    #[arg(value_name = "KEY_ID")]
    key: KeyId,
    /// Show the secret, once: only of a key whose making was broken off before it was shown
    #[arg(long)]
    secret: bool,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Create {
    /// What people call the key
    #[arg(long, default_value = "made at the shell")]
    label: String,
    /// A key for the test environment: jobs, rows and quota of its own
    #[arg(long)]
    test: bool,
    /// What the key may do (submit, read, cancel); give it more than once, or with commas. By default all of it
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// Address or range that requests may come from (192.0.2.0/24); give it more than once, or with commas. By default any
    #[arg(long = "from", value_name = "ADDRESSES", value_delimiter = ',')]
    addresses: Vec<AddressRange>,
    /// When the key stops signing by itself: after so long (90d, 12h) or at a time (2027-01-31T00:00:00Z)
    #[arg(long, value_name = "WHEN")]
    expires: Option<When>,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Rotate {
    /// Public id of the key
    #[arg(value_name = "KEY_ID")]
    key: KeyId,
    /// How long the old secret goes on signing, at most 31d; 0s: it stops at once
    #[arg(long, value_name = "TIME", default_value = "24h")]
    overlap: Span,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Rename {
    /// Public id of the key
    #[arg(value_name = "KEY_ID")]
    key: KeyId,
    /// What people call the key from now on
    label: String,
    #[command(flatten)]
    common: Common,
}

#[derive(Args, Debug)]
struct Revoke {
    /// Public id of the key
    #[arg(value_name = "KEY_ID")]
    key: KeyId,
    #[command(flatten)]
    common: Common,
}

pub(crate) async fn run(arguments: Arguments) -> Ended {
    match arguments.command {
        Command::List(arguments) => list(&arguments).await,
        Command::Show(arguments) => show(&arguments).await,
        Command::Create(arguments) => create(&arguments).await,
        Command::Rotate(arguments) => rotate(&arguments).await,
        Command::Rename(arguments) => rename(&arguments).await,
        Command::Revoke(arguments) => revoke(&arguments).await,
    }
}

impl Common {
    fn keys(&self) -> Result<Keys, Failure> {
        let folder = data_dir::desktop(self.data_dir.clone())?;
        Keys::open(&folder, self.relay.as_deref(), Arc::new(SystemClock)).map_err(failure)
    }
}

async fn list(arguments: &List) -> Ended {
    let keys = arguments.common.keys()?;
    let list = if arguments.offline { keys.known() } else { keys.list().await }.map_err(failure)?;
    let now = keys.now();
    let (shown, hidden): (Vec<_>, Vec<_>) = list.into_iter().partition(|key| arguments.all || key.info.is_live(now));
    if arguments.common.json {
        for key in &shown {
            output::json(&as_json(key)?)?;
        }
        return Ok(Exit::Ok);
    }
    let rows = shown.iter().map(|key| {
        let used = key.info.last_used_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
        vec![
            key.info.key_id.to_string(),
            key.info.label.clone(),
            key.info.terms.scopes.to_string(),
            used,
            state(key, now),
            secret(key).to_owned(),
        ]
    });
    output::line(&output::table(&["key", "label", "may", "last used", "state", "secret"], rows.collect::<Vec<_>>()))?;
    if !hidden.is_empty() {
        output::note(&format!("{} more revoked or expired; --all lists them", hidden.len()));
    }
    for key in shown.iter().filter(|key| !key.shown && key.has_secret) {
        let id = &key.info.key_id;
        output::note(&format!("Nobody has seen the secret of {id} yet: `link-peeler keys show {id} --secret` shows it, once."));
    }
    Ok(Exit::Ok)
}

async fn show(arguments: &Show) -> Ended {
    let keys = arguments.common.keys()?;
    let known = keys.list().await.map_err(failure)?;
    let unknown = || failure(KeysError::Unknown(arguments.key.clone()));
    let key = known.into_iter().find(|known| known.info.key_id == arguments.key).ok_or_else(unknown)?;
    let shown = if arguments.secret { Some(keys.show_secret(&arguments.key).await.map_err(failure)?) } else { None };
    if arguments.common.json {
        let mut object = as_json(&key)?;
        if let Some(shown) = &shown {
            object["secretText"] = shown.expose().into();
        }
        output::json(&object)?;
        return Ok(Exit::Ok);
    }
    let info = &key.info;
    let never = |time: Option<UnixMillis>| time.map_or_else(|| "never".to_owned(), |time| time.to_string());
    let from = info.terms.addresses.iter().map(AddressRange::to_string).collect::<Vec<_>>().join(", ");
    for (name, value) in [
        ("key", info.key_id.to_string()),
        ("label", info.label.clone()),
        ("environment", info.environment.to_string()),
        ("state", state(&key, keys.now())),
        ("may", info.terms.scopes.to_string()),
        ("from", if from.is_empty() { "anywhere".to_owned() } else { from }),
        ("made", info.created_at.to_string()),
        ("made by", info.made_by.map_or_else(|| "-".to_owned(), |device| device.to_string())),
        ("expires", never(info.terms.expires_at)),
        ("last used", never(info.last_used_at)),
        ("rotated", format!("{} times", info.rotation)),
        ("secret", secret(&key).to_owned()),
    ] {
        output::line(&format!("{name:<12}{value}"))?;
    }
    if let Some(shown) = shown {
        output::line(&format!("{:<12}{}", "", shown.expose().bold()))?;
    }
    Ok(Exit::Ok)
}

async fn create(arguments: &Create) -> Ended {
    let environment = if arguments.test { Environment::Test } else { Environment::Live };
    let terms = KeyTerms {
        scopes: Scopes::of(&arguments.scopes).unwrap_or_default(),
        addresses: arguments.addresses.clone(),
        expires_at: arguments.expires.map(|when| when.after(SystemClock.now())),
    };
    let keys = arguments.common.keys()?;
    let created = keys.create_with(environment, &arguments.label, terms).await.map_err(failure)?;
    hand_over(&keys, &created, arguments.common.json).await
}

async fn rotate(arguments: &Rotate) -> Ended {
    let keys = arguments.common.keys()?;
    let seconds = u32::try_from(arguments.overlap.seconds()).map_err(|_| Failure::usage("--overlap: at most 31d"))?;
    let created = keys.rotate(&arguments.key, seconds).await.map_err(failure)?;
    hand_over(&keys, &created, arguments.common.json).await?;
    if let (false, Some(end)) = (arguments.common.json, created.info.previous_ends_at) {
        output::note(&format!("The old secret signs until {end}."));
    }
    Ok(Exit::Ok)
}

/// Shows a secret that was made just now, the only time that it is shown.
async fn hand_over(keys: &Keys, created: &CreatedKey, as_json: bool) -> Ended {
    let CreatedKey { key_id, secret, info } = created;
    if as_json {
        let mut object = serde_json::to_value(info).map_err(anyhow::Error::from)?;
        object["secret"] = secret.expose().into();
        output::json(&object)?;
    } else {
        output::line(&format!("key     {}", key_id.bold()))?;
        output::line(&format!("secret  {}", secret.expose().bold()))?;
        let place = match keys.secrets_place().map_err(failure)? {
            SecretsPlace::Keychain => "this system's keychain keeps it",
            SecretsPlace::File => "a file in this desktop's data folder that only you can read keeps it",
        };
        output::note(&format!("The secret is not shown again; {place}."));
    }
    keys.note_shown(key_id).await.map_err(failure)?;
    Ok(Exit::Ok)
}

async fn rename(arguments: &Rename) -> Ended {
    let info = arguments.common.keys()?.rename(&arguments.key, &arguments.label).await.map_err(failure)?;
    if arguments.common.json {
        output::json(&info)?;
    } else {
        output::line(&format!("{} is called {}", info.key_id, info.label))?;
    }
    Ok(Exit::Ok)
}

async fn revoke(arguments: &Revoke) -> Ended {
    let keys = arguments.common.keys()?;
    let revoked = keys.revoke(&arguments.key).await;
    if matches!(&revoked, Err(KeysError::Relay(error)) if error.refusal().is_none()) {
        output::note("The key still works. That it shall be revoked is written down: the desktop here tells the relay as soon as it can.");
    }
    let info = revoked.map_err(failure)?;
    if arguments.common.json {
        output::json(&json!({"keyId": info.key_id, "revoked": true, "revokedAt": info.revoked_at}))?;
    } else {
        output::line(&format!("{} is revoked", info.key_id))?;
    }
    Ok(Exit::Ok)
}

/// A key as the relay tells it, and what this desktop adds.
fn as_json(key: &KnownKey) -> Result<serde_json::Value, Failure> {
    let mut object = serde_json::to_value(&key.info).map_err(anyhow::Error::from)?;
    object["secret"] = json!(secret(key));
    object["intent"] = json!(key.intent);
    Ok(object)
}

fn secret(key: &KnownKey) -> &'static str {
    match (key.has_secret, key.is_stale()) {
        (false, _) => "-",
        (true, true) => "old",
        (true, false) => "here",
    }
}

fn state(key: &KnownKey, now: UnixMillis) -> String {
    let info = &key.info;
    if let Some(at) = info.revoked_at {
        return format!("revoked {at}");
    }
    match (key.intent, info.terms.expires_at, info.previous_ends_at) {
        (Some(Intent::Making), ..) => "being made".to_owned(),
        (Some(Intent::Rotating { .. }), ..) => "being rotated".to_owned(),
        (Some(Intent::Revoking), ..) => "being revoked".to_owned(),
        (None, Some(end), _) if end <= now => format!("expired {end}"),
        (None, _, Some(end)) if now < end => format!("two secrets until {end}"),
        (None, Some(end), _) => format!("active until {end}"),
        (None, None, _) => "active".to_owned(),
    }
}

/// What a failure of the key inventory means to a script.
pub(crate) fn failure(error: KeysError) -> Failure {
    let problem = match &error {
        KeysError::NotLinked(_) | KeysError::RelayUrl(_) | KeysError::Unknown(_) | KeysError::NotShown(_) => return Failure::usage(error),
        KeysError::Relay(error) => error.refusal().and_then(|refusal| refusal.problem.clone()),
        KeysError::DataDir(_) => None,
    };
    match problem {
        Some(problem) => Failure::Refused(Box::new(problem)),
        None => Failure::Unreachable(error.into()),
    }
}
