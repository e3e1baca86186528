//! `link-peeler sign`: signs a request that somebody else sends, and finds out why a signature does not match.

use std::io::{IsTerminal as _, Read as _};
use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use owo_colors::OwoColorize as _;
use protocol::signature::{FETCH_PATH, UnsignedRequest};
use protocol::{Clock as _, KeyId, SystemClock};
use serde_json::json;

use crate::exit::{Ended, Exit, Failure};
use crate::sign::mistakes;
use crate::sign::spelled::{Spelled, sha256};
use crate::{output, secret_source};

/// Bytes of a body: the relay's largest is 1 MiB, for a batch.
const MAX_BODY_BYTES: u64 = 4 * 1_024 * 1_024;

#[derive(Args, Debug)]
#[command(after_help = "\
The secret comes from LINK_PEELER_SECRET or --secret-file, never from the command line.

Examples:
  printf %s '{\"idempotencyKey\":\"a-1\",…}' | link-peeler sign --key lp_test_0123456789abcdef
  link-peeler sign --method GET --target '/api/links/verify' </dev/null
  link-peeler sign --timestamp 1779753600 --nonce 3f1c2a52-7c1e-4b0f --check a5d558da… <body.json")]
pub(crate) struct Arguments {
    /// Public id of the API key; by default the only one in this desktop's keyring
    #[arg(long, env = secret_source::KEY_VARIABLE, value_name = "KEY_ID")]
    key: Option<KeyId>,
    /// File with the key's secret; else LINK_PEELER_SECRET, else this desktop's keyring
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
    /// Data folder whose keyring may have the secret
    #[arg(long, value_name = "FOLDER")]
    data_dir: Option<PathBuf>,
    /// Method of the request
    #[arg(long, default_value = "POST")]
    method: String,
    /// Path and query exactly as on the request line
    #[arg(long, value_name = "PATH", default_value = FETCH_PATH)]
    target: String,
    /// Unix seconds; by default now
    #[arg(long, value_name = "SECONDS")]
    timestamp: Option<i64>,
    /// One-time value: 16 to 128 of `A-Z a-z 0-9 _ -`; by default a random one
    #[arg(long)]
    nonce: Option<String>,
    /// File with the body, byte for byte; by default standard input
    #[arg(long, value_name = "FILE")]
    body: Option<PathBuf>,
    /// Compare with this signature, and say what was probably done differently
    #[arg(long, value_name = "SIGNATURE", requires_all = ["timestamp", "nonce"])]
    check: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> Ended {
    let (key, secret) = secret_source::find(arguments.key.as_ref(), arguments.secret_file.as_deref(), arguments.data_dir.clone())?;
    let nonce = match &arguments.nonce {
        Some(nonce) if is_nonce(nonce) => nonce.clone(),
        Some(_) => return Err(Failure::usage("--nonce: expected 16 to 128 of A-Z, a-z, 0-9, `_` and `-`")),
        None => UnsignedRequest::now(&arguments.method, &arguments.target, b"").nonce.into_owned(),
    };
    let request = Spelled {
        key: key.clone(),
        secret,
        method: arguments.method.clone(),
        target: arguments.target.clone(),
        timestamp: arguments.timestamp.unwrap_or_else(|| SystemClock.now().seconds()),
        nonce,
        body: arguments.read_body()?,
    };
    match &arguments.check {
        Some(signature) => check(&request, signature.trim(), arguments.json),
        None => show(&request, arguments.json),
    }
}

fn is_nonce(text: &str) -> bool {
    (16..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
}

impl Arguments {
    fn read_body(&self) -> Result<Vec<u8>, Failure> {
        let mut body = Vec::new();
        match &self.body {
            Some(file) => {
                let file = std::fs::File::open(file).with_context(|| format!("--body {}", file.display()))?;
                file.take(MAX_BODY_BYTES + 1).read_to_end(&mut body)?;
            }
            None => {
                if std::io::stdin().is_terminal() {
                    output::note("reading the body from the terminal; end it with Ctrl-D, or pass </dev/null for none");
                }
                std::io::stdin().take(MAX_BODY_BYTES + 1).read_to_end(&mut body)?;
            }
        }
        if body.len() as u64 > MAX_BODY_BYTES {
            return Err(Failure::usage(format!("the body has more than {MAX_BODY_BYTES} bytes")));
        }
        Ok(body)
    }
}

fn show(request: &Spelled, as_json: bool) -> Ended {
    let (base, headers) = (request.base(), request.headers());
    if as_json {
        output::json(&json!({
            "recipe": request.signed_target().recipe(),
            "base": String::from_utf8_lossy(&base),
            "baseBytes": base.len(),
            "baseSha256": sha256(&base),
            "bodyBytes": request.body.len(),
            "bodySha256": sha256(&request.body),
            "signature": headers.signature(),
            "headers": headers.pairs().into_iter().collect::<std::collections::BTreeMap<_, _>>(),
        }))?;
        return Ok(Exit::Ok);
    }
    let label = |text: &str| format!("{text:<10}").dimmed().to_string();
    output::line(&format!("{}{}", label("joined as"), request.signed_target().recipe()))?;
    output::line(&format!("{}{}", label("base"), printable(&base)))?;
    output::line(&format!("{}{} bytes, sha256 {}", label(""), base.len(), sha256(&base)))?;
    output::line(&format!("{}{} bytes, sha256 {}", label("body"), request.body.len(), sha256(&request.body)))?;
    output::line(&format!("{}{}", label("signature"), headers.signature().bold()))?;
    for (index, (name, value)) in headers.pairs().into_iter().enumerate() {
        output::line(&format!("{}{name}: {value}", label(if index == 0 { "headers" } else { "" })))?;
    }
    if request.body.ends_with(b"\n") {
        output::note("note: the body ends in a line feed, which is signed; whoever sends it must send it too");
    }
    Ok(Exit::Ok)
}

fn check(request: &Spelled, signature: &str, as_json: bool) -> Ended {
    let headers = request.headers();
    let matches = headers.signature().eq_ignore_ascii_case(signature);
    let explanation = if matches { None } else { mistakes::explain(request, signature) };
    if as_json {
        output::json(
            &json!({"matches": matches, "explanation": explanation, "bodyBytes": request.body.len(), "bodySha256": sha256(&request.body)}),
        )?;
    } else if matches {
        output::line(&"the signature matches".green().to_string())?;
    } else {
        output::line(&"the signature does not match".red().to_string())?;
        let explanation = explanation.unwrap_or_else(|| {
            if signature.len() == 64 && signature.bytes().all(|b| b.is_ascii_hexdigit()) {
                "none of the usual mistakes explains it: compare the base below, byte for byte, and the secret".to_owned()
            } else {
                format!("it is no HMAC-SHA256 in hexadecimal: that has 64 digits, this has {} characters", signature.chars().count())
            }
        });
        output::line(&format!("  {explanation}"))?;
        show(request, false)?;
    }
    Ok(if matches { Exit::Ok } else { Exit::No })
}

/// Line feeds and other invisible bytes are what signatures stumble over: shown, not printed.
fn printable(bytes: &[u8]) -> String {
    let mut text = String::new();
    for c in String::from_utf8_lossy(bytes).chars() {
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_bytes_of_the_base_are_shown() {
        assert_eq!(printable("1.n.GET /a\n{\"ü\":1}\r\n".as_bytes()), "1.n.GET /a\\n{\"ü\":1}\\r\\n");
    }
}
