//! Signs a request and sends it, with the crate `protocol`, which is the SDK.
//!
//! ```sh
//! LP_RELAY=https://relay.example LP_KEY=lp_live_… LP_SECRET=lps_… cargo run --example recipe GET /api/links/verify
//! ```
//!
//! With `LP_PRINT=1` it prints the signature instead of sending anything.

use std::env;

use protocol::signature::{SIGNATURE_HEADER, SignedTarget, UnsignedRequest, sign};
use protocol::{KeyId, Secret};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [method, target, rest @ ..] = arguments.as_slice() else { anyhow::bail!("give a method, a target, and a body if there is one") };
    let body = rest.first().map_or("", String::as_str);
    let (key_id, secret): (KeyId, Secret) = (env::var("LP_KEY")?.parse()?, Secret::new(env::var("LP_SECRET")?));

    let mut request = UnsignedRequest::now(method, target, body.as_bytes());
    if let (Ok(timestamp), Ok(nonce)) = (env::var("LP_TIMESTAMP"), env::var("LP_NONCE")) {
        let target = SignedTarget::of(method, target);
        request = UnsignedRequest { target, body: body.as_bytes(), timestamp_seconds: timestamp.parse()?, nonce: nonce.into() };
    }
    let headers = sign(&key_id, &secret, &request);

    if env::var("LP_PRINT").is_ok() {
        for (_, value) in headers.pairs().iter().filter(|(name, _)| *name == SIGNATURE_HEADER) {
            println!("{value}");
        }
        return Ok(());
    }
    let mut request = reqwest::Client::new().request(method.parse()?, format!("{}{target}", env::var("LP_RELAY")?));
    for (name, value) in headers.pairs() {
        request = request.header(name, value);
    }
    let response = request.header("Content-Type", "application/json").body(body.to_owned()).send().await?;
    let is_success = response.status().is_success();
    println!("{}", response.text().await?);
    anyhow::ensure!(is_success, "the relay refused it");
    Ok(())
}
