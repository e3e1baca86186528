//! A PostgreSQL server for tests: its own data folder, its own socket and port, gone with the process.
//!
//! PostgreSQL refuses to run as root. Under root it is started as the user `postgres`, which Debian's package makes.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{Error, Result};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// Names a server that is running already (`postgres://user@host:port`, without a database): the test command starts
/// one for all test processes.
pub const SERVER_VARIABLE: &str = "LINK_PEELER_TEST_POSTGRES";

/// Time that a server may take to start.
const START: Duration = Duration::from_secs(30);

/// What the folders of servers are called.
const PREFIX: &str = "link-peeler-postgres-";
/// A folder without a running server is swept away at this age: no test takes as long.
const STALE: Duration = Duration::from_secs(15 * 60);

/// A running server. Stopped when it is dropped, or when its process dies.
#[derive(Debug)]
pub struct Server {
    process: Child,
    port: u16,
    data: PathBuf,
    folder: tempfile::TempDir,
}

impl Server {
    /// Starts a server with these extra settings (`name=value`).
    ///
    /// # Errors
    /// When the programs are missing or the server does not come up.
    pub fn start(settings: &[&str]) -> Result<Self> {
        sweep();
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let data = folder.path().join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        run(as_postgres(&program("initdb")?)
            .args(["--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync", "--pgdata"])
            .arg(&data))?;
        Self::serve(folder, data, settings)
    }

    /// Starts a standby that follows `primary` by streaming, from a fresh copy of it.
    ///
    /// # Errors
    /// When the copy cannot be made or the standby does not come up.
    pub fn start_standby(primary: &Self, name: &str, settings: &[&str]) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix(PREFIX).tempdir()?;
        let data = folder.path().join("data");
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(folder.path()))?;
        }
        let from = format!("host=127.0.0.1 port={} user=postgres application_name={name}", primary.port);
        run(as_postgres(&program("pg_basebackup")?)
            .args(["--checkpoint=fast", "--write-recovery-conf", "--no-sync", "--dbname", &from, "--pgdata"])
            .arg(&data))?;
        Self::serve(folder, data, settings)
    }

    fn serve(folder: tempfile::TempDir, data: PathBuf, settings: &[&str]) -> Result<Self> {
        let port = free_port()?;
        let process = launch(folder.path(), &data, port, settings)?;
        let mut server = Self { process, port, data, folder };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let probe = program("pg_isready")?;
        let started = Instant::now();
        while started.elapsed() < START {
            if let Some(status) = self.process.try_wait()? {
                return Err(Error::other(format!("PostgreSQL ended at once: {status}\n{}", self.log())));
            }
            let listens = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).is_ok();
            if listens && Command::new(&probe).args(["-q", "-h", "127.0.0.1", "-p", &self.port.to_string()]).status()?.success() {
                return Ok(());
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
        Err(Error::other(format!("PostgreSQL did not come up in {} s\n{}", START.as_secs(), self.log())))
    }

    /// Where it listens on loopback.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// The process id of its first process.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Its URL without a database.
    #[must_use]
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}", self.port)
    }

    /// The URL of a new, empty database on this server.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn new_database(&self) -> Result<String> {
        create_database(&self.url())
    }

    /// What it has logged.
    #[must_use]
    pub fn log(&self) -> String {
        self.data.parent().and_then(|folder| std::fs::read_to_string(folder.join("log")).ok()).unwrap_or_default()
    }

    /// Makes a standby a primary.
    ///
    /// # Errors
    /// When the server refuses.
    pub fn promote(&self) -> Result<()> {
        run(as_postgres(&program("pg_ctl")?).args(["promote", "--wait", "--pgdata"]).arg(&self.data))
    }

    /// Kills every process of the server at once, as a power cut would.
    ///
    /// # Errors
    /// When there is nothing to kill.
    pub fn kill(&mut self) -> Result<()> {
        let children = children(self.process.id());
        // The first process goes first: it would restart what its children leave behind.
        self.process.kill()?;
        signal(&children, "KILL");
        self.process.wait().map(|_| ())
    }

    /// Stops every process of the server without ending it: it keeps its connections and answers nothing, as a machine
    /// that hangs does.
    pub fn freeze(&self) {
        signal(&[self.process.id()], "STOP");
        signal(&children(self.process.id()), "STOP");
    }

    /// Starts a server that was killed again, on its data, on the same port.
    ///
    /// # Errors
    /// When it does not come up.
    pub fn start_again(&mut self, settings: &[&str]) -> Result<()> {
        let started = Instant::now();
        loop {
            // What is left of the killed server may hold its memory for a moment longer.
            self.process = launch(self.folder.path(), &self.data, self.port, settings)?;
            match self.wait_until_ready() {
                Err(_) if started.elapsed() < START && self.log().contains("is still in use") => {}
                other => return other,
            }
            std::thread::park_timeout(Duration::from_millis(50));
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = self.process.wait();
    }
}

/// The URL of a new, empty database, on the server that [`SERVER_VARIABLE`] names or on one of this process.
///
/// # Panics
/// When no server can be started: a test that needs one cannot go on.
#[must_use]
pub fn new_database() -> String {
    static OWN: OnceLock<Server> = OnceLock::new();
    let server = std::env::var(SERVER_VARIABLE).unwrap_or_else(|_| {
        #[expect(clippy::expect_used, reason = "a test that needs a server cannot go on without one")]
        let server = OWN.get_or_init(|| Server::start(&["fsync=off"]).expect("PostgreSQL starts"));
        server.url()
    });
    #[expect(clippy::expect_used, reason = "a test that needs a database cannot go on without one")]
    create_database(&server).expect("a database is made")
}

/// The URL of a new, empty database on the server of this URL, which names no database.
///
/// # Errors
/// When the server refuses.
pub fn create_database(server: &str) -> Result<String> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    // A server outlives many test processes, and their ids come again.
    let random = RandomState::new().build_hasher().finish();
    let name = format!("test_{random:x}_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    sql(&format!("{server}/postgres"), &format!("CREATE DATABASE {name}"))?;
    Ok(format!("{server}/{name}"))
}

/// Runs SQL by `psql`, as a person would who looks into the database from outside. Returns the rows, a line each, columns
/// parted by `|`.
///
/// # Errors
/// When the server cannot be reached or refuses.
pub fn sql(url: &str, text: &str) -> Result<String> {
    let output = Command::new(program("psql")?)
        .args(["--no-psqlrc", "--quiet", "--no-align", "--tuples-only", "--set=ON_ERROR_STOP=1", "--command", text, url])
        .stdin(Stdio::null())
        .output()?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned());
    }
    Err(Error::other(format!("{text}: {}", String::from_utf8_lossy(&output.stderr))))
}

/// One of PostgreSQL's programs: the newest version that Debian's packages have put on this machine, or the path's.
///
/// # Errors
/// When there is none.
pub fn program(name: &str) -> Result<PathBuf> {
    let mut versions: Vec<(u32, PathBuf)> = std::fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path().join("bin").join(name))))
        .filter(|(_, path)| path.exists())
        .collect();
    versions.sort();
    let of_path = || std::env::split_paths(&std::env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.exists());
    versions
        .pop()
        .map(|(_, path)| path)
        .or_else(of_path)
        .ok_or_else(|| Error::other(format!("{name} is not installed; `cargo xtask test` installs it")))
}

/// Takes away the folders of servers that ended with their process: a server that is kept for a whole process is never
/// dropped, and dozens of megabytes stay behind each.
fn sweep() {
    for entry in std::fs::read_dir(std::env::temp_dir()).into_iter().flatten().flatten() {
        let is_ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok().and_then(|at| at.elapsed().ok());
        if is_ours && age.is_some_and(|age| age > STALE) && !is_served(&entry.path().join("data")) {
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
}

/// Whether a server runs on the data: the first line of its file names its process.
fn is_served(data: &Path) -> bool {
    let named = std::fs::read_to_string(data.join("postmaster.pid")).ok();
    named.and_then(|text| text.lines().next().map(|id| Path::new("/proc").join(id.trim()).exists())).unwrap_or(false)
}

fn launch(folder: &Path, data: &Path, port: u16, settings: &[&str]) -> Result<Child> {
    let mut command = as_postgres(&program("postgres")?);
    command.arg("-D").arg(data).args(["-h", "127.0.0.1", "-p", &port.to_string()]);
    for setting in ["unix_socket_directories=", "max_connections=200", "log_min_messages=warning"].iter().chain(settings) {
        command.args(["-c", setting]);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(std::fs::File::create(folder.join("log"))?);
    spawn_lasting(command)
}

/// Spawns from a thread that never ends: the system sends the death signal when the spawning *thread* ends, and a test's
/// thread ends long before its process.
fn spawn_lasting(mut command: Command) -> Result<Child> {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::Builder::new().name("postgres".to_owned()).spawn(move || {
        let _ = sender.send(command.spawn());
        loop {
            std::thread::park();
        }
    })?;
    receiver.recv().map_err(Error::other)?
}

fn as_postgres(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    if is_root() {
        command.args(["--reuid=postgres", "--regid=postgres", "--init-groups"]);
    }
    // The server does not outlive a killed test.
    command.arg("--pdeathsig=QUIT").arg(program);
    // A signal to the test's group is not meant for the server.
    command.process_group(0).current_dir("/");
    command
}

/// Sends a signal (`KILL`, `STOP`, `CONT`) to processes; those that have gone are passed over.
pub fn signal(processes: &[u32], name: &str) {
    for process in processes {
        let _ = Command::new("kill").args([format!("-{name}"), process.to_string()]).stderr(Stdio::null()).status();
    }
}

/// The processes that this one has started.
fn children(parent: u32) -> Vec<u32> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id: &u32| {
        // After the name, which stands in parentheses and may hold anything: state and parent.
        let status = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let after_name = status.rsplit(')').next().unwrap_or_default();
        after_name.split_whitespace().nth(1).and_then(|id| id.parse().ok()) == Some(parent)
    })
    .collect()
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|metadata| std::os::unix::fs::MetadataExt::uid(&metadata) == 0)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.stdin(Stdio::null()).output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::other(format!("{:?} failed: {}", command.get_program(), String::from_utf8_lossy(&output.stderr))))
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}
