//! The story whose secrets are looked for: a relay is set up, a desktop linked, keys made and rotated, people invited and
//! signed in, links resolved through a proxy, and much is asked for wrongly. Everything that comes out is kept.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use protocol::device_signature::{self, DeviceKey};
use protocol::signature::{self, UnsignedRequest};
use protocol::{Clock as _, KeyId, Secret, SystemClock};
use reqwest::{Client, Method, Response, Url};
use serde_json::{Value, json};

use crate::npm::{Person, Provider};
use crate::process::until;
use crate::program::{Program, family, run};
use crate::search::{Canaries, Hit};
use crate::site;

const CLIENT_ID: &str = "link-peeler";
const PROXY_USER: &str = "somebody";

/// What has happened, and what of it was kept.
pub(crate) struct Story {
    pub(crate) canaries: Canaries,
    /// Answers of relay and desktop that said no, by what was asked.
    answers: Vec<(String, Vec<u8>)>,
    /// Command lines and environments of running processes.
    processes: Vec<(String, Vec<u8>)>,
    folder: tempfile::TempDir,
}

/// Those who tell it.
struct Told {
    canaries: Canaries,
    answers: Vec<(String, Vec<u8>)>,
    folder: tempfile::TempDir,
    http: Client,
    relay: String,
    account: String,
}

/// A browser: its cookies.
#[derive(Clone, Default)]
struct Browser(BTreeMap<String, String>);

fn canary() -> String {
    // Signs that are written otherwise in URLs and forms.
    format!("canary {}+/?&", Secret::generate().expose())
}

/// A file of ours, beside what the programs write: it is not looked into.
fn given(folder: &Path, name: &str, text: &str) -> String {
    let path = folder.join("given").join(name);
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    path.to_str().unwrap().to_owned()
}

impl Story {
    /// On SQLite, or on PostgreSQL: the URL of its superuser, and the role and password that the relay has.
    pub(crate) async fn tell(postgres: Option<(&str, &str, &str)>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["given", "logs", "data", "out"] {
            std::fs::create_dir(folder.path().join(name)).unwrap();
        }
        let at = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (data, logs) = (at("data"), folder.path().join("logs"));
        let mut canaries = Canaries::default();

        // What people give the programs: in files.
        let client_secret = canary();
        canaries.add("OIDC client secret", &client_secret);
        let mut provider = Provider::start();
        let secret_file = given(folder.path(), "oidc.secret", &client_secret);
        let pair = rcgen::KeyPair::generate().unwrap();
        let tls_key = pair.serialize_der();
        // The number itself: what stands around it is the same in every key.
        let number = tls_key.windows(5).position(|window| window == [2, 1, 1, 4, 32]).unwrap() + 5;
        canaries.add_bytes("TLS key", &tls_key[number..number + 32]);
        let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().self_signed(&pair).unwrap();
        let (chain, key) = (given(folder.path(), "chain.pem", &certificate.pem()), given(folder.path(), "key.pem", &pair.serialize_pem()));
        let database = match postgres {
            Some((url, role, password)) => {
                canaries.add("database password", password);
                let encoded = |text: &str| {
                    HEXLOWER
                        .encode(text.as_bytes())
                        .as_bytes()
                        .chunks(2)
                        .fold(String::new(), |text, pair| text + "%" + std::str::from_utf8(pair).unwrap())
                };
                let (_, host) = url.split_once('@').unwrap();
                format!("postgres://{}:{}@{host}", encoded(role), encoded(password))
            }
            None => at("data/relay/relay.sqlite"),
        };
        let database = format!("@{}", given(folder.path(), "database.url", &database));
        let proxy_password = canary();
        canaries.add("proxy password", &proxy_password);
        let proxy = site::start(PROXY_USER, &proxy_password).await;
        let mut proxy_url = Url::parse(&format!("http://{proxy}")).unwrap();
        proxy_url.set_username(PROXY_USER).unwrap();
        proxy_url.set_password(Some(&proxy_password)).unwrap();
        // It answers for names that nobody else knows.
        proxy_url.set_fragment(Some("public"));
        let proxy_profile = format!("p=@{}", given(folder.path(), "proxy.url", proxy_url.as_str()));

        let issuer = provider.issuer.clone();
        let relay_arguments = [
            "relay",
            "--json",
            "--listen",
            "127.0.0.1:0",
            "--metrics-listen",
            "127.0.0.1:0",
            "--data-dir",
            &data,
            "--database",
            &database,
            "--tls-cert",
            &chain,
            "--tls-key",
            &key,
            "--oidc-issuer",
            &issuer,
            "--oidc-client-id",
            CLIENT_ID,
            "--oidc-client-secret-file",
            &secret_file,
        ];
        let relay = Program::start(&logs, "relay", &relay_arguments, &[]);
        let base = relay.says("relayUrl").await.as_str().unwrap().to_owned();
        let setup = relay.says("setupUrl").await.as_str().unwrap().to_owned();
        let metrics = relay.says("metricsUrl").await.as_str().unwrap().to_owned();
        provider.serve(&format!("{base}/sign-in/oidc/callback"), CLIENT_ID, &client_secret);
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap().trim().to_owned();
        canaries.add_bytes("sealing key", &HEXLOWER.decode(read("data/relay/sealing.key").as_bytes()).unwrap());
        canaries.add_bytes("operator token", &HEXLOWER.decode(read("data/relay/operator.token").as_bytes()).unwrap());

        let root = reqwest::Certificate::from_pem(certificate.pem().as_bytes()).unwrap();
        let http = Client::builder().tls_certs_only([root]).redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap();
        let mut told = Told { canaries, answers: Vec::new(), folder, http, relay: base.clone(), account: String::new() };
        let mut owner = told.set_up(&setup).await;

        // A desktop, linked by its code.
        let own = canary();
        told.canaries.add("a variable of the desktop", &own);
        let environment = [("SSL_CERT_FILE", chain.as_str()), ("SOME_SECRET", own.as_str())];
        let desktop_arguments = [
            "desktop",
            "--json",
            "--relay",
            &base,
            "--data-dir",
            &data,
            "--pages-listen",
            "127.0.0.1:0",
            "--pace",
            "0",
            "--proxy-profile",
            &proxy_profile,
        ];
        let desktop = Program::start(&logs, "desktop", &desktop_arguments, &environment);
        let code = desktop.says("userCode").await.as_str().unwrap().to_owned();
        told.canaries.add("linking code", &code);
        told.approve(&mut owner, &code).await;
        desktop.says("deviceId").await;
        let read = |told: &Told, name: &str| std::fs::read_to_string(told.folder.path().join(name)).unwrap().trim().to_owned();
        let device_key = HEXLOWER.decode(read(&told, "data/desktop/device.key").as_bytes()).unwrap();
        told.canaries.add_bytes("device key", &device_key);

        // Keys, made and rotated at the shell.
        let keys = |arguments: &[&str]| -> Value {
            let arguments = [&["keys"], arguments, &["--json", "--data-dir", &data]].concat();
            serde_json::from_str(&run(&logs, &arguments, &environment[..1])).unwrap()
        };
        let made = keys(&["create", "--label", "canaries"]);
        let key_id: KeyId = made["keyId"].as_str().unwrap().parse().unwrap();
        told.canaries.add("API key secret", made["secret"].as_str().unwrap());
        let rotated = keys(&["rotate", key_id.as_str()]);
        let secret = Secret::new(rotated["secret"].as_str().unwrap().to_owned());
        told.canaries.add("new API key secret", secret.expose());

        // Links, over HTTP and in the browser, through the proxy.
        told.resolve(&key_id, &secret).await;
        told.people(&mut owner).await;
        told.linked_by_hand(&mut owner).await;
        told.desktop_pages(&logs, &data).await;
        told.asked_wrongly(&owner, &key_id, &secret).await;

        let mut processes = Vec::new();
        for (name, first) in [("relay", relay.id()), ("desktop", desktop.id())] {
            for (generation, process) in family(first).into_iter().enumerate() {
                let what = if generation == 0 { name.to_owned() } else { format!("process {process} of the {name}") };
                for file in ["cmdline", "environ"] {
                    processes.push((format!("{file} of {what}"), std::fs::read(format!("/proc/{process}/{file}")).unwrap_or_default()));
                }
            }
        }
        assert!(processes.len() > 4, "the desktop has a browser");

        // What operators take out: a backup, an export of the audit, figures. And the files as they are while all runs.
        let out = |name: &str| told.folder.path().join("out").join(name);
        let of_database = |arguments: &[&str]| run(&logs, &[arguments, &["--database", &database]].concat(), &[]);
        std::fs::write(out("audit.ndjson"), of_database(&["audit", "export"])).unwrap();
        std::fs::write(out("check.json"), of_database(&["db", "check", "--json"])).unwrap();
        of_database(&["db", "backup", out("backup").to_str().unwrap()]);
        std::fs::write(out("metrics"), Client::new().get(metrics).send().await.unwrap().bytes().await.unwrap()).unwrap();
        copy(&told.folder.path().join("data/relay"), &out("while it ran/relay"));
        desktop_closes(desktop, &told.folder.path().join("data/desktop"), &out("while it ran/desktop"));
        relay.stop();
        let Told { canaries, answers, folder, .. } = told;
        Self { canaries, answers, processes, folder }
    }

    /// Every place in which a secret was found.
    pub(crate) fn search(&self) -> Vec<Hit> {
        assert!(self.canaries.len() >= 18, "{}", self.canaries.len());
        let search = self.canaries.search();
        let mut hits = Vec::new();
        for (place, bytes) in self.answers.iter().chain(&self.processes) {
            hits.extend(search.bytes(place, bytes));
        }
        for name in ["logs", "data", "out"] {
            hits.extend(search.files(&self.folder.path().join(name)));
        }
        hits
    }
}

/// Copies what a desktop has on disk while it runs, then ends it.
fn desktop_closes(desktop: Program, from: &Path, to: &Path) {
    copy(from, to);
    desktop.stop();
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            // One that has gone in this moment is none that stays.
            let _ = std::fs::copy(entry.path(), target);
        }
    }
}

impl Told {
    async fn send(
        &mut self,
        browser: &mut Browser,
        method: Method,
        path: &str,
        fields: Option<&[(&str, &str)]>,
    ) -> (u16, String, Option<String>) {
        let url = if path.starts_with('/') { format!("{}{path}", self.relay) } else { path.to_owned() };
        let cookies: Vec<String> = browser.0.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mut request = self.http.request(method, &url).header("Cookie", cookies.join("; ")).header("Origin", &self.relay);
        if let Some(fields) = fields {
            let body = Url::parse_with_params("http://x/", fields).unwrap().query().unwrap_or_default().to_owned();
            request = request.header("Content-Type", "application/x-www-form-urlencoded").body(body);
        }
        let response = request.send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let (name, value) = cookie.to_str().unwrap().split(';').next().unwrap().split_once('=').unwrap();
            browser.0.insert(name.to_owned(), value.to_owned());
        }
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        (status, self.kept(path, response).await, location)
    }

    /// The body of an answer; one that says no is kept with its headers.
    async fn kept(&mut self, asked: &str, response: Response) -> String {
        let (status, headers) = (response.status(), format!("{:?}", response.headers()));
        let body = response.text().await.unwrap();
        if status.is_client_error() || status.is_server_error() {
            self.answers.push((format!("answer {status} to {asked}"), format!("{headers}\n{body}").into_bytes()));
        }
        body
    }

    async fn form(&mut self, browser: &mut Browser, path: &str, fields: &[(&str, &str)]) -> (u16, String, Option<String>) {
        self.send(browser, Method::POST, path, Some(fields)).await
    }

    async fn page(&mut self, browser: &mut Browser, path: &str) -> (u16, String, Option<String>) {
        self.send(browser, Method::GET, path, None).await
    }

    /// The owner comes in by the set-up link, goes out and comes in again.
    async fn set_up(&mut self, setup: &str) -> Browser {
        let token = setup.split_once("token=").unwrap().1.to_owned();
        self.canaries.add("set-up link", &token);
        let passphrase = canary();
        self.canaries.add("passphrase", &passphrase);
        let mut owner = Browser::default();
        let fields = [
            ("token", token.as_str()),
            ("email", "ada@company.example"),
            ("name", "Ada"),
            ("passphrase", &passphrase),
            ("repeated", &passphrase),
        ];
        // Wrongly at first.
        let wrong = [fields[0], fields[1], ("name", ""), fields[3], ("repeated", "x")];
        assert_eq!(self.form(&mut owner, "/setup", &wrong).await.0, 422);
        assert_eq!(self.form(&mut owner, "/setup", &fields).await.0, 303);
        self.form(&mut owner, "/setup", &fields).await;
        let (_, _, location) = self.page(&mut owner, "/").await;
        self.account = location.unwrap().strip_prefix("/console/").unwrap().to_owned();
        let mut again = Browser::default();
        let mistyped = canary();
        self.canaries.add("mistyped passphrase", &mistyped);
        let wrong = [("email", "ada@company.example"), ("passphrase", mistyped.as_str()), ("next", "/")];
        assert_eq!(self.form(&mut again, "/sign-in", &wrong).await.0, 422);
        let right = [("email", "ada@company.example"), ("passphrase", passphrase.as_str()), ("next", "/")];
        assert_eq!(self.form(&mut again, "/sign-in", &right).await.0, 303);
        for (name, browser) in [("session cookie", &owner), ("another session cookie", &again)] {
            self.canaries.add(name, browser.0.values().next().unwrap());
        }
        owner
    }

    async fn approve(&mut self, owner: &mut Browser, code: &str) {
        assert_eq!(self.page(owner, &format!("/link?code={code}")).await.0, 200);
        let account = self.account.clone();
        assert_eq!(self.form(owner, "/link/approve", &[("code", code), ("account", &account)]).await.0, 200);
    }

    /// Two links of a site that only the proxy reaches, and the wish for one with a wrong signature.
    async fn resolve(&mut self, key: &KeyId, secret: &Secret) {
        for engine in ["http", "browser"] {
            let body = json!({
                "idempotencyKey": engine, "trackingUrl": format!("http://offers.example/{engine}"), "source": "platform_api", "rowId": engine,
                "context": {"proxy": "p", "engine": engine},
            });
            let job = self.signed(key, secret, "POST", signature::FETCH_PATH, &body.to_string()).await;
            let path = format!("/api/links/jobs/{}", job["jobId"].as_str().unwrap_or_else(|| panic!("{job}")));
            let ended = until("the job has ended", async || {
                let job = self.signed(key, secret, "GET", &path, "").await;
                (job["state"] == "concluded").then_some(job)
            });
            let ended = ended.await;
            assert_eq!(ended["result"]["conclusion"], "valid", "{ended:#}");
        }
        let wrong = Secret::new(format!("{}x", secret.expose()));
        self.signed(key, &wrong, "POST", signature::FETCH_PATH, "{}").await;
    }

    async fn signed(&mut self, key: &KeyId, secret: &Secret, method: &'static str, path: &str, body: &str) -> Value {
        let headers = signature::sign(key, secret, &UnsignedRequest::now(method, path, body.as_bytes()));
        let mut request = self.http.request(method.parse().unwrap(), format!("{}{path}", self.relay)).body(body.to_owned());
        request = request.header("Content-Type", "application/json");
        for (name, value) in headers.pairs() {
            request = request.header(name, value);
        }
        let response = request.send().await.unwrap();
        serde_json::from_str(&self.kept(path, response).await).unwrap()
    }

    /// Somebody is invited by a link, somebody else signs in through the provider.
    async fn people(&mut self, owner: &mut Browser) {
        let invite = format!("/console/{}/people/invite", self.account);
        let (_, page, _) = self.form(owner, &invite, &[("email", "bea@company.example"), ("role", "viewer")]).await;
        let token: String = page.split_once("/invitation?token=").unwrap().1.chars().take(43).collect();
        self.canaries.add("invitation link", &token);
        let passphrase = canary();
        self.canaries.add("passphrase of somebody invited", &passphrase);
        let fields = [("token", token.as_str()), ("name", "Bea"), ("passphrase", &passphrase), ("repeated", &passphrase)];
        assert_eq!(self.form(&mut Browser::default(), "/invitation", &fields).await.0, 303);
        self.form(&mut Browser::default(), "/invitation", &fields).await;
        self.page(&mut Browser::default(), &format!("/invitation?token={token}")).await;

        self.form(owner, &invite, &[("email", "cleo@company.example"), ("role", "viewer")]).await;
        let mut cleo = Browser::default();
        let (_, _, location) = self.page(&mut cleo, "/sign-in/oidc?next=/me").await;
        let relay = self.relay.clone();
        let back = Person::new().sign_in(Url::parse(&location.unwrap()).unwrap(), "cleo", &relay).await;
        let code = back.query_pairs().find(|(name, _)| name == "code").unwrap().1.into_owned();
        self.canaries.add("authorization code", &code);
        assert_eq!(self.page(&mut cleo, back.as_str()).await.0, 303);
        self.page(&mut cleo, back.as_str()).await;
        let session = cleo.0.iter().find(|(name, _)| !name.ends_with("-sign-in")).unwrap().1.clone();
        self.canaries.add("session cookie of a provider's", &session);
    }

    /// A desktop of the test's own, whose messages are known, and which makes a key wrongly in every way. A member's name is
    /// told when it is wrong; values never are.
    async fn linked_by_hand(&mut self, owner: &mut Browser) {
        let key = DeviceKey::generate();
        let ask = json!({"publicKey": key.public().to_hex(), "name": "by hand", "platform": "test"}).to_string();
        let post = |told: &Self, path: &str, body: String| {
            told.http.post(format!("{}{path}", told.relay)).header("Content-Type", "application/json").body(body).send()
        };
        let started = post(self, "/api/device/link", ask).await.unwrap();
        let started: Value = serde_json::from_str(&self.kept("a link", started).await).unwrap();
        let device_code = started["deviceCode"].as_str().unwrap().to_owned();
        self.canaries.add("device code", &device_code);
        let poll = json!({ "deviceCode": device_code }).to_string();
        let early = post(self, "/api/device/link/token", poll.clone()).await.unwrap();
        self.kept("a poll", early).await;
        self.approve(owner, started["userCode"].as_str().unwrap()).await;
        let linked = post(self, "/api/device/link/token", poll.clone()).await.unwrap();
        let linked: Value = serde_json::from_str(&self.kept("a poll", linked).await).unwrap();
        let device = linked["deviceId"].as_str().unwrap_or_else(|| panic!("{linked}")).parse().unwrap();
        for body in
            [poll, json!({"deviceCode": [device_code]}).to_string(), json!({"deviceCode": device_code, "x": device_code}).to_string()]
        {
            let again = post(self, "/api/device/link/token", body).await.unwrap();
            self.kept("a poll", again).await;
        }
        let secret = Secret::generate();
        self.canaries.add("secret of a key that was not made", secret.expose());
        let (id, secret) = (KeyId::generate(protocol::Environment::Live), secret.expose());
        let wrong = [
            json!({"keyId": secret, "secret": secret, "label": "x"}),
            json!({"keyId": id, "secret": [secret], "label": "x"}),
            json!({"keyId": id, "secret": {"value": secret}, "label": "x"}),
            json!({"keyId": id, "secret": format!("{secret}x"), "label": "x"}),
            json!({"keyId": id, "secret": secret, "label": 7}),
            json!({"keyId": id, "secret": secret, "label": "x", "scopes": [secret]}),
            json!({"keyId": id, "secret": secret, "label": "x", "expiresAt": secret}),
        ];
        let bodies = wrong.iter().map(Value::to_string).chain([format!("{{\"secret\": \"{secret}\""), format!("\"{secret}\"")]);
        let mut refused = 0;
        for body in bodies {
            let url = format!("{}/api/device/keys", self.relay);
            let headers = device_signature::sign(&key, device, SystemClock.now(), "POST", &url, body.as_bytes());
            let mut request = self.http.post(&url).header("Content-Type", "application/json").body(body);
            for (name, value) in headers.pairs() {
                request = request.header(name, value);
            }
            let response = request.send().await.unwrap();
            refused += usize::from(response.status().is_client_error());
            self.kept("a key", response).await;
        }
        assert!(refused > 5, "{refused}");
    }

    /// A browser on the desktop's pages: the one-time address, and its session.
    async fn desktop_pages(&mut self, logs: &Path, data: &str) {
        let opened = run(logs, &["desktop", "open", "--json", "--print", "--data-dir", data], &[]);
        let opened: Value = serde_json::from_str(&opened).unwrap();
        let url = opened["url"].as_str().unwrap().to_owned();
        self.canaries.add("desktop page token", url.rsplit('/').next().unwrap());
        let control: Value = serde_json::from_slice(&std::fs::read(PathBuf::from(data).join("desktop/pages.json")).unwrap()).unwrap();
        self.canaries.add("desktop control token", control["token"].as_str().unwrap());
        let http = Client::builder().no_proxy().build().unwrap();
        let entered = http.get(&url).send().await.unwrap();
        let cookie = entered.headers()["set-cookie"].to_str().unwrap().split(';').next().unwrap().to_owned();
        self.canaries.add("desktop session cookie", cookie.split_once('=').unwrap().1);
        let base = url.split("/open/").next().unwrap().to_owned();
        for (path, cookie) in [
            (url.clone(), String::new()),
            (format!("{base}/"), cookie.clone()),
            (format!("{base}/nowhere"), cookie.clone()),
            (format!("{base}/"), format!("{cookie}x")),
        ] {
            let response = http.get(path).header("Cookie", cookie).send().await.unwrap();
            self.kept("a page of the desktop", response).await;
        }
        let response = http.post(format!("{base}/leave")).header("Cookie", cookie).body("x=1").send().await.unwrap();
        self.kept("a form of the desktop", response).await;
    }

    /// Secrets where they do not belong: relays must not repeat them.
    async fn asked_wrongly(&mut self, owner: &Browser, key: &KeyId, secret: &Secret) {
        let session = owner.0.values().next().unwrap().clone();
        let token = std::fs::read_to_string(self.folder.path().join("data/relay/operator.token")).unwrap().trim().to_owned();
        let paths = [
            "/api/links/fetch",
            "/api/links/jobs",
            "/api/links/events",
            "/api/device/pull",
            "/api/operator/devices",
            "/sign-in",
            "/setup",
            "/nowhere",
            "/sign-in/oidc/callback",
        ];
        for path in paths {
            for method in [Method::GET, Method::POST, Method::DELETE, Method::PUT] {
                for (name, value) in [
                    ("Authorization", format!("Bearer {token}x")),
                    ("Cookie", format!("x={session}")),
                    ("X-LinkPeeler-Key", secret.expose().to_owned()),
                ] {
                    let url = format!("{}{path}?token={session}&code={}", self.relay, secret.expose());
                    let body = format!("token={session}&secret={}", secret.expose());
                    let response = self.http.request(method.clone(), url).header(name, value).body(body).send().await.unwrap();
                    self.kept(path, response).await;
                }
            }
        }
        let odd = json!({"idempotencyKey": secret.expose(), "trackingUrl": "x", "source": "platform_api", "rowId": [secret.expose()]})
            .to_string();
        self.signed(key, secret, "POST", signature::FETCH_PATH, &odd).await;
        self.signed(key, secret, "POST", signature::FETCH_PATH, "{").await;
    }
}
