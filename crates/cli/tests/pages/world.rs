//! A relay on either database, desktops, the lab and a site whose pages come when the test says so, as processes of the
//! real binary. A script asks for what happens to them by `act`.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::npm::Provider;
use crate::process::{Process, until};
use crate::site::Site;

/// Seconds that leases last, before and after they are taken up: a dead desktop's jobs are out again soon.
const LEASES: [&str; 4] = ["--takeup-seconds", "2", "--lease-seconds", "3"];

/// Who the relay is to the provider that operators sign in through, and what the button calls that.
const CLIENT_ID: &str = "relay-of-a-test";
const CLIENT_SECRET: &str = "a client's secret of one test";
const PROVIDER_NAME: &str = "the Provider";
const SECRET_FILE: &str = "oidc.secret";

pub(crate) struct World {
    folder: tempfile::TempDir,
    provider: Option<Provider>,
    database: String,
    address: SocketAddr,
    relay: Option<Process>,
    setup_url: Value,
    lab: Process,
    lab_url: String,
    site: Site,
    desktops: HashMap<String, Process>,
}

impl World {
    /// Relay and lab, started; a desktop comes when a script asks for it. `postgres` is the URL of a database, else it is
    /// a file.
    pub(crate) async fn start(postgres: Option<String>) -> Self {
        let mut world = Self::without_relay(postgres).await;
        world.setup_url = world.start_relay().await["setupUrl"].clone();
        world
    }

    /// The same with an OpenID provider, whose people are called as their login at company.example.
    pub(crate) async fn start_with_provider(postgres: Option<String>) -> Self {
        let mut world = Self::without_relay(postgres).await;
        let mut provider = Provider::start();
        provider.serve(&format!("{}/sign-in/oidc/callback", world.relay_url()), CLIENT_ID, CLIENT_SECRET);
        std::fs::write(world.folder_of(SECRET_FILE), CLIENT_SECRET).unwrap();
        std::fs::set_permissions(world.folder_of(SECRET_FILE), std::fs::Permissions::from_mode(0o600)).unwrap();
        world.provider = Some(provider);
        world.setup_url = world.start_relay().await["setupUrl"].clone();
        world
    }

    async fn without_relay(postgres: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let database = postgres.unwrap_or_else(|| folder.path().join("relay.db").display().to_string());
        let lab = Process::start(&["lab", "--json", "--listen", "127.0.0.1:0"]);
        let said = lab.says("the lab listens", |said| said["labUrl"].is_string()).await;
        let lab_url = said["labUrl"].as_str().unwrap().to_owned();
        // A port that it keeps over its deaths.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let (provider, relay, setup_url, desktops) = (None, None, Value::Null, HashMap::new());
        let site = Site::start().await;
        Self { folder, provider, database, address, relay, setup_url, lab, lab_url, site, desktops }
    }

    /// What a script is handed.
    pub(crate) fn given(&self) -> Value {
        let links = self.lab.said(|said| said["cases"].is_array()).remove(0)["cases"].clone();
        json!({"base": self.relay_url(), "setupUrl": self.setup_url, "labUrl": self.lab_url, "lab": links, "siteUrl": self.site.url()})
    }

    pub(crate) async fn act(&mut self, name: &str, with: &Value) -> Value {
        let text = |field: &str| with[field].as_str().unwrap_or_else(|| panic!("{name} asks for `{field}`")).to_owned();
        match name {
            "relay kill" => {
                self.relay.take().unwrap().kill();
                Value::Null
            }
            "relay start" => self.start_relay().await,
            "desktop start" => self.start_desktop(&text("name")).await,
            "desktop stop" => {
                self.desktops.remove(&text("name")).unwrap().stop();
                Value::Null
            }
            // What a desktop has said that is of this kind, once there is so much of it.
            "desktop says" => {
                let (event, times) = (text("event"), usize::try_from(with["times"].as_u64().unwrap_or(1)).unwrap());
                let desktop = &self.desktops[&text("name")];
                let job = with["jobId"].as_str();
                let fits = |said: &Value| said["event"] == event.as_str() && job.is_none_or(|job| said["jobId"] == job);
                let said = async || Some(desktop.said(fits)).filter(|said| said.len() >= times);
                json!(until(&format!("the desktop says `{event}` {times} times"), said).await)
            }
            "site asked" => {
                self.site.asked(usize::try_from(with["times"].as_u64().unwrap()).unwrap()).await;
                Value::Null
            }
            "site open" => {
                self.site.open();
                Value::Null
            }
            "run" => self.run(with).await,
            "shell" => ended(tokio::process::Command::new("bash").args(["-c", &text("script")])).await,
            _ => panic!("nobody does `{name}`"),
        }
    }

    async fn start_relay(&mut self) -> Value {
        let (listen, data) = (self.address.to_string(), self.folder_of("relay"));
        let data = data.to_str().unwrap();
        let mut arguments = vec!["relay", "--json", "--listen", &listen, "--database", &self.database, "--data-dir", data];
        // The whole test comes from one address, faster than people are.
        arguments.extend(["--address-limit", "off"]);
        arguments.extend(LEASES);
        let secret_file = self.folder_of(SECRET_FILE);
        if let Some(provider) = &self.provider {
            arguments.extend(["--oidc-issuer", &provider.issuer, "--oidc-client-id", CLIENT_ID, "--oidc-name", PROVIDER_NAME]);
            arguments.extend(["--oidc-client-secret-file", secret_file.to_str().unwrap()]);
        }
        let relay = Process::start(&arguments);
        let said = relay.says("the relay listens", |said| said["address"] == listen.as_str()).await;
        self.relay = Some(relay);
        said
    }

    /// Starts a desktop, or starts it again. What it says first: its code, or that it is at work.
    async fn start_desktop(&mut self, name: &str) -> Value {
        let (data, relay) = (self.folder_of(name), self.relay_url());
        let (lab, site) = (self.lab_url.trim_start_matches("http://").to_owned(), self.site.address().to_string());
        let arguments =
            ["desktop", "--json", "--name", name, "--relay", &relay, "--data-dir", data.to_str().unwrap(), "--pace", "0", "--screenshots"];
        let places = ["--pages-listen", "127.0.0.1:0", "--allow", &lab, "--allow", &site];
        let desktop = Process::start(&[arguments.as_slice(), &places].concat());
        let said = desktop.says("the desktop is there", |said| said["event"] == "code" || said["event"] == "started").await;
        let pages = desktop.says("its pages are there", |said| said["event"] == "pages").await;
        self.desktops.insert(name.to_owned(), desktop);
        json!({"said": said, "pagesUrl": pages["pagesUrl"]})
    }

    /// Runs a command of ours to its end, in the data folder of a desktop or of the relay.
    async fn run(&self, with: &Value) -> Value {
        let words: Vec<&str> = with["arguments"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_link-peeler"));
        command.args(words).env("HOME", self.folder.path()).env_remove("XDG_CONFIG_HOME");
        if let Some(of) = with["of"].as_str() {
            command.arg("--data-dir").arg(self.folder_of(of));
        }
        for (name, value) in with["environment"].as_object().into_iter().flatten() {
            command.env(name, value.as_str().unwrap());
        }
        ended(&mut command).await
    }

    fn folder_of(&self, whose: &str) -> PathBuf {
        Path::join(self.folder.path(), whose)
    }

    fn relay_url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// How a program ended, and what it said.
pub(crate) async fn ended(command: &mut tokio::process::Command) -> Value {
    let output = command.output().await.unwrap();
    json!({"code": output.status.code(), "out": String::from_utf8_lossy(&output.stdout), "err": String::from_utf8_lossy(&output.stderr)})
}
