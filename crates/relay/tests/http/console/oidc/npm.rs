//! `oidc-provider` from npm, run by Node, and a person who signs in on its pages. Knows nothing of a relay but the address
//! that browsers are sent back to.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};

use reqwest::{Client, Response, Url, redirect};
use serde_json::{Value, json};

/// `oidc-provider`, run by Node.
pub(crate) struct Provider {
    child: Child,
    stdin: ChildStdin,
    lines: std::io::Lines<BufReader<std::process::ChildStdout>>,
    pub(crate) issuer: String,
}

impl Provider {
    /// Installs and starts it. It does not serve anybody yet.
    pub(crate) fn start() -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../relay/tests/http/console/oidc/provider");
        testkit::npm::ensure_packages(&folder).unwrap();
        let mut node = Command::new("node");
        node.arg("provider.mjs").current_dir(folder).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = node.spawn().expect("node is installed: `cargo xtask test` sees to it");
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut provider = Self { child, stdin, lines: BufReader::new(stdout).lines(), issuer: String::new() };
        provider.issuer = provider.says("issuer").as_str().unwrap().to_owned();
        provider
    }

    /// Waits until it says this.
    fn says(&mut self, name: &str) -> Value {
        let lines = self.lines.by_ref().map_while(Result::ok);
        let mut said = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok()).map(|said| said[name].clone());
        said.find(|said| !said.is_null()).expect("the provider speaks")
    }

    /// Has it serve a client with this id and secret, to whom browsers are sent back there.
    pub(crate) fn serve(&mut self, redirect_uri: &str, client_id: &str, client_secret: &str) {
        writeln!(self.stdin, "{}", json!({"redirectUri": redirect_uri, "clientId": client_id, "clientSecret": client_secret})).unwrap();
        self.says("ready");
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A person at the provider: follows its redirects and fills in its forms, until it sends them back.
pub(crate) struct Person {
    http: Client,
    cookies: BTreeMap<String, String>,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self { http: Client::builder().redirect(redirect::Policy::none()).no_proxy().build().unwrap(), cookies: BTreeMap::new() }
    }

    async fn send(&mut self, request: reqwest::RequestBuilder) -> Response {
        let cookies: Vec<String> = self.cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let response = request.header("Cookie", cookies.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            self.cookies.insert(name.to_owned(), value.to_owned());
        }
        response
    }

    /// Signs in as `login`, consents, and says where the provider sends the browser in the end.
    pub(crate) async fn sign_in(&mut self, mut url: Url, login: &str, relay: &str) -> Url {
        // Login, consent, and a redirect before, between and after them.
        for _ in 0..12 {
            if url.as_str().starts_with(relay) {
                return url;
            }
            let response = self.send(self.http.get(url.clone())).await;
            let response = if response.status().is_redirection() {
                response
            } else {
                let page = response.text().await.unwrap();
                let body = if page.contains("name=\"login\"") {
                    format!("prompt=login&login={login}&password=x")
                } else {
                    assert!(page.contains("value=\"consent\""), "{page}");
                    "prompt=consent".to_owned()
                };
                let form = self.http.post(url.clone()).header("Content-Type", "application/x-www-form-urlencoded").body(body);
                self.send(form).await
            };
            let to = response.headers()["location"].to_str().unwrap().to_owned();
            url = url.join(&to).unwrap();
        }
        panic!("the provider does not come to an end: {url}");
    }
}
