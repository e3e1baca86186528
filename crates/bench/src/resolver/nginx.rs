//! An nginx of the benchmark's own: one process, its files in a folder that goes away with it.

use std::fmt::Write as _;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};

use super::process;
use super::site::{PAGE, REDIRECTS};

/// Time that it may take to start.
const START: Duration = Duration::from_secs(10);
/// Where Debian and others install it, which is not on everybody's search path.
const PLACES: &[&str] = &["/usr/sbin", "/usr/local/sbin"];

/// A running nginx. Killed when it is dropped: a single process, so nothing stays behind.
pub(super) struct Nginx {
    child: Child,
    version: String,
}

impl Nginx {
    /// Starts one that listens on all addresses and serves `page.html` of the folder; `None` when it is not installed.
    pub(super) fn start(folder: &Path, addresses: &[SocketAddr]) -> anyhow::Result<Option<Self>> {
        let Some(executable) = process::find("nginx", PLACES) else { return Ok(None) };
        let version = Command::new(&executable).arg("-v").output()?;
        let version = String::from_utf8_lossy(&version.stderr).trim().trim_start_matches("nginx version: ").to_owned();
        let config = folder.join("nginx.conf");
        fs::write(&config, configuration(folder, addresses))?;
        let log = folder.join("log");
        let mut command = Command::new(&executable);
        command.args(["-e", "stderr", "-p"]).arg(folder).arg("-c").arg(&config);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(&log)?).spawn()?;
        let mut nginx = Self { child, version };
        nginx.wait_until_it_listens(addresses).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(Some(nginx))
    }

    /// Its name and version.
    pub(super) fn version(&self) -> &str {
        &self.version
    }

    fn wait_until_it_listens(&mut self, addresses: &[SocketAddr]) -> anyhow::Result<()> {
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(status) = self.child.try_wait()? {
                bail!("nginx ended at once: {status}");
            }
            if addresses.iter().all(|address| TcpStream::connect(address).is_ok()) {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        bail!("nginx did not come up in {} s", START.as_secs())
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn configuration(folder: &Path, addresses: &[SocketAddr]) -> String {
    let folder = folder.display();
    // One process without a master: killing it leaves no workers, and on a small machine the rest is for what is measured.
    let mut text = format!(
        "daemon off;\nmaster_process off;\npid \"{folder}/pid\";\nerror_log stderr;\nevents {{ worker_connections 8192; }}\n\
         http {{\naccess_log off;\nkeepalive_requests 1000000;\nopen_file_cache max=8;\n"
    );
    for purpose in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        let _ = writeln!(text, "{purpose}_temp_path \"{folder}/{purpose}\";");
    }
    text += "server {\n";
    for address in addresses {
        let _ = writeln!(text, "listen {address};");
    }
    for (from, status, to) in REDIRECTS {
        let _ = writeln!(text, "location ~ ^{from}(\\d+)$ {{ return {status} {to}$1; }}");
    }
    let _ =
        writeln!(text, "location {PAGE} {{ default_type \"text/html; charset=utf-8\"; root \"{folder}\"; try_files /page.html =404; }}");
    text + "}\n}\n"
}
