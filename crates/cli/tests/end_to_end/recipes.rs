//! The recipes of the documentation, in seven languages: each makes the signatures of the shared cases, and each is let in
//! by a relay. Languages that are not installed here are named and left out; Node, Python, Rust and the shell are not.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::process::Process;

const RECIPES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/recipes");
const CASES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/signatures/signing.json");

/// What every machine that runs the tests has.
const ALWAYS_THERE: [&str; 4] = ["node", "python3", "rust", "sh"];

/// One language that is installed here.
struct Recipe {
    language: &'static str,
    /// Program and first arguments.
    command: Vec<PathBuf>,
}

impl Recipe {
    fn run(&self, environment: &[(&str, &str)], arguments: &[&str]) -> Output {
        let mut command = Command::new(&self.command[0]);
        command.args(&self.command[1..]).args(arguments).envs(environment.iter().copied());
        command.stdin(Stdio::null()).output().unwrap()
    }

    fn text(&self, environment: &[(&str, &str)], arguments: &[&str]) -> String {
        let output = self.run(environment, arguments);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{} {arguments:?}: {errors}{}", self.language, String::from_utf8_lossy(&output.stdout));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

fn is_there(program: &str, argument: &str) -> bool {
    Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

/// Every recipe whose language is here. `scratch` takes what has to be compiled.
fn recipes(scratch: &Path) -> Vec<Recipe> {
    let file = |name: &str| Path::new(RECIPES).join(name);
    let interpreted = [
        ("node", "--version", "recipe.mjs"),
        ("python3", "--version", "recipe.py"),
        ("ruby", "--version", "recipe.rb"),
        ("php", "--version", "recipe.php"),
    ];
    let mut here: Vec<Recipe> = interpreted
        .into_iter()
        .filter(|(program, argument, _)| is_there(program, argument))
        .map(|(program, _, name)| Recipe { language: program, command: vec![program.into(), file(name)] })
        .collect();
    if is_there("openssl", "version") && is_there("curl", "--version") {
        here.push(Recipe { language: "sh", command: vec!["sh".into(), file("recipe.sh")] });
    }
    // Built along with the tests, beside them.
    let built = std::env::current_exe().unwrap().parent().and_then(Path::parent).unwrap().join("examples/recipe");
    if built.exists() {
        here.push(Recipe { language: "rust", command: vec![built] });
    }
    if is_there("go", "version") {
        let program = scratch.join("recipe");
        let mut go = Command::new("go");
        go.args(["build", "-o"]).arg(&program).arg(file("recipe.go")).env("GOCACHE", scratch.join("cache")).env("GO111MODULE", "off");
        assert!(go.status().unwrap().success());
        here.push(Recipe { language: "go", command: vec![program] });
    }
    for language in ["node", "python3", "rust", "sh", "ruby", "php", "go"] {
        let is_here = here.iter().any(|recipe| recipe.language == language);
        assert!(is_here || !ALWAYS_THERE.contains(&language), "{language} is missing");
        if !is_here {
            println!("left out, since it is not installed here: {language}");
        }
    }
    here
}

#[test]
fn every_recipe_makes_the_signatures_of_the_shared_cases() {
    let scratch = tempfile::tempdir().unwrap();
    let cases: Value = serde_json::from_str(&std::fs::read_to_string(CASES).unwrap()).unwrap();
    let right = cases["vectors"].as_array().unwrap().iter().filter(|case| {
        let expected = case["expect"].as_str().unwrap();
        ["accepted", "authenticated", "stale_timestamp"].contains(&expected)
    });
    let right: Vec<&Value> = right.collect();
    assert!(right.len() > 10, "{}", right.len());
    for recipe in recipes(scratch.path()) {
        for case in &right {
            let header = |name: &str| case["headers"][name].as_str().unwrap();
            let environment = [
                ("LP_KEY", cases["key"].as_str().unwrap()),
                ("LP_SECRET", cases["secret"].as_str().unwrap()),
                ("LP_TIMESTAMP", header("X-Link-Peeler-Timestamp")),
                ("LP_NONCE", header("X-Link-Peeler-Nonce")),
                ("LP_PRINT", "1"),
            ];
            let request = ["method", "target", "body"].map(|member| case[member].as_str().unwrap());
            let expected = header("X-Link-Peeler-Signature").to_lowercase();
            assert_eq!(recipe.text(&environment, &request), expected, "{}: {}", recipe.language, case["name"]);
        }
    }
}

#[tokio::test]
async fn every_recipe_is_let_in_by_a_relay() {
    let scratch = tempfile::tempdir().unwrap();
    let folder = scratch.path().join("data");
    let any = ["--listen", "--lab-listen", "--metrics-listen"].iter().flat_map(|flag| [*flag, "127.0.0.1:0"]);
    let arguments = ["up", "--json", "--no-browser", "--data-dir", folder.to_str().unwrap()].into_iter().chain(any);
    let up = Process::start(&arguments.collect::<Vec<_>>());
    let addresses = up.says("all of it is up", |said| said["endpoint"].is_string()).await;
    let value = |member: &str| addresses[member].as_str().unwrap().to_owned();
    let relay = value("endpoint").trim_end_matches("/api/links/fetch").to_owned();
    let (key, secret) = (value("keyId"), value("secret"));
    let environment =
        [("LP_RELAY", relay.as_str()), ("LP_KEY", &key), ("LP_SECRET", &secret), ("NO_PROXY", "127.0.0.1"), ("no_proxy", "127.0.0.1")];
    for recipe in recipes(scratch.path()) {
        let language = recipe.language;
        let link = format!("{}/chain/302/3", value("labUrl"));
        // Signed bytes, not characters: the name has some that take more than one byte.
        let wish = format!(r#"{{"idempotencyKey":"{language}-é-€","trackingUrl":"{link}","source":"platform_api","rowId":"{language}"}}"#);
        let job: Value = serde_json::from_str(&recipe.text(&environment, &["POST", "/api/links/fetch", &wish])).unwrap();
        assert_eq!(job["rowId"], language);
        let page: Value = serde_json::from_str(&recipe.text(&environment, &["GET", "/api/links/jobs?limit=1"])).unwrap();
        assert_eq!(page["jobs"][0]["jobId"], job["jobId"], "{language}");
        let refused = recipe.run(&[&environment[..], &[("LP_SECRET", "lps_another")]].concat(), &["GET", "/api/links/verify"]);
        assert!(!refused.status.success(), "{language}");
        assert!(String::from_utf8_lossy(&refused.stdout).contains("invalid_credentials"), "{language}");
    }
    up.stop();
}
