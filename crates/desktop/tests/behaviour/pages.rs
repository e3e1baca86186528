//! The defence of the desktop's pages, over the router's own list: whatever another site, another name or another program
//! sends, nothing happens. What a browser does by itself is tested in a browser (`cli/tests/pages`).

use desktop::ui::{Audience, Control, Endpoint, endpoints};
use desktop::{Config, Desktop, PagesListen};
use reqwest::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue, LOCATION, ORIGIN, SET_COOKIE};
use reqwest::{Client, Method, Response, StatusCode, redirect};

use crate::Stage;

/// A desktop with pages, and a browser that it has let in.
struct Scene {
    stage: Stage,
    desktop: Desktop,
    client: Client,
    origin: String,
    cookie: String,
}

/// What stands in forms here: every field of every form, with a value that changes something.
const FORM: &str = "label=stolen&environment=live&name=evil&url=http%3A%2F%2F127.0.0.1%3A1&exception=127.0.0.1%3A22222&\
                    desktop_agent=Evil&mobile_agent=Evil&language=xx&turn=on&theme=dark&back=%2F&submit=yes&overlap=3600";

impl Scene {
    async fn new() -> Self {
        let stage = Stage::new().await;
        let pages = Some(PagesListen::On("127.0.0.1:0".parse().unwrap()));
        let desktop = Desktop::start(Config { pages, ..stage.config() }).await.unwrap();
        let url = desktop.pages_url().unwrap();
        let client = Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap();
        let entered = client.get(&url).send().await.unwrap();
        assert_eq!(entered.status(), 200);
        let set = entered.headers()[SET_COOKIE].to_str().unwrap();
        assert!(set.ends_with("; Path=/; HttpOnly; SameSite=Strict"), "{set}");
        let cookie = set.split(';').next().unwrap().to_owned();
        assert_eq!(client.get(&url).send().await.unwrap().status(), StatusCode::GONE, "once");
        let origin = url.split("/open/").next().unwrap().to_owned();
        Self { stage, desktop, client, origin, cookie }
    }

    /// What one of the desktop's own pages would send.
    fn own_headers(&self) -> HeaderMap {
        HeaderMap::from_iter([
            (COOKIE, HeaderValue::from_str(&self.cookie).unwrap()),
            (ORIGIN, HeaderValue::from_str(&self.origin).unwrap()),
            (HeaderName::from_static("sec-fetch-site"), HeaderValue::from_static("same-origin")),
            (CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded")),
        ])
    }

    async fn send(&self, method: Method, path: &str, headers: HeaderMap, body: &'static str) -> Response {
        self.client.request(method, format!("{}{path}", self.origin)).headers(headers).body(body).send().await.unwrap()
    }

    async fn get(&self, path: &str) -> Response {
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&self.cookie).unwrap())]);
        self.send(Method::GET, path, headers, "").await
    }

    /// Everything that a form could have changed.
    async fn state(&self) -> (bool, usize, usize, Vec<String>) {
        let mut pages = Vec::new();
        for path in ["/contexts", "/guard", "/keys", "/settings"] {
            let answer = self.get(path).await;
            assert_eq!(answer.status(), 200, "{path}: still let in");
            pages.push(answer.text().await.unwrap());
        }
        let (made, revoked) = self.stage.relay.seen(|seen| (seen.new_keys.len(), seen.revoked.len()));
        (self.desktop.status().paused, made, revoked, pages)
    }
}

/// A path of the router with its variable parts filled in.
fn filled(path: &str) -> String {
    path.replace("{key_id}", "lp_live_0123456789abcdef").replace("{job_id}", "job_0").replace("{ticket}", "x").replace("{name}", "x")
}

fn state_changing() -> impl Iterator<Item = Endpoint> {
    endpoints().into_iter().filter(|endpoint| endpoint.method != "GET")
}

/// A change of what an own page would send: an absent value takes a header away.
type Attack = (&'static str, &'static [(&'static str, Option<&'static str>)]);

const ATTACKS: &[Attack] = &[
    ("another origin", &[("origin", Some("https://evil.example")), ("sec-fetch-site", Some("cross-site"))]),
    ("another origin, of an old browser", &[("origin", Some("https://evil.example")), ("sec-fetch-site", None)]),
    ("another port of this machine", &[("origin", Some("http://127.0.0.1:1")), ("sec-fetch-site", Some("same-site"))]),
    ("a sandboxed frame", &[("origin", Some("null"))]),
    ("no origin, cross-site", &[("origin", None), ("sec-fetch-site", Some("cross-site"))]),
    ("no origin, same-site", &[("origin", None), ("sec-fetch-site", Some("same-site"))]),
    ("no origin and nothing else", &[("origin", None), ("sec-fetch-site", None)]),
    ("a body of text", &[("content-type", Some("text/plain"))]),
    ("a body in parts", &[("content-type", Some("multipart/form-data; boundary=x"))]),
    ("a body of JSON", &[("content-type", Some("application/json"))]),
    ("a name that was made to point here", &[("host", Some("rebind.example"))]),
    ("such a name, with its own origin", &[("host", Some("rebind.example")), ("origin", Some("http://rebind.example"))]),
    ("the address without the port", &[("host", Some("127.0.0.1"))]),
    ("a frame", &[("sec-fetch-dest", Some("iframe"))]),
    ("no session", &[("cookie", None)]),
    ("a made-up session", &[("cookie", Some("lp_desktop=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"))]),
];

#[tokio::test]
async fn what_is_not_the_desktop_s_own_page_changes_nothing() {
    let scene = Scene::new().await;
    let before = scene.state().await;
    for endpoint in state_changing() {
        for (attack, changes) in ATTACKS {
            let is_open = endpoint.audience == Audience::Anybody && changes.iter().all(|(name, _)| *name == "cookie");
            if is_open {
                continue;
            }
            let mut headers = scene.own_headers();
            for (name, value) in *changes {
                let name: HeaderName = name.parse().unwrap();
                headers.remove(&name);
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let answer = scene.send(Method::POST, &filled(endpoint.path), headers, FORM).await;
            assert!(answer.status().is_client_error(), "{attack} at {}: {}", endpoint.path, answer.status());
            assert!(answer.headers().get(SET_COOKIE).is_none(), "{attack} at {}", endpoint.path);
            assert_eq!(answer.headers()["x-frame-options"], "DENY");
            assert!(answer.headers().get("access-control-allow-origin").is_none());
        }
    }
    assert_eq!(scene.state().await, before);
    scene.desktop.shutdown().await;
}

#[tokio::test]
async fn no_other_method_does_what_a_form_does() {
    let scene = Scene::new().await;
    let before = scene.state().await;
    for endpoint in state_changing() {
        let path = filled(endpoint.path);
        for method in [Method::GET, Method::HEAD, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS] {
            let mut headers = scene.own_headers();
            for name in ["x-http-method-override", "x-method-override", "x-http-method"] {
                headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static("POST"));
            }
            let answer = scene.send(method.clone(), &format!("{path}?_method=POST&{FORM}"), headers, "").await;
            // Some paths have a page of the same name.
            let is_page = endpoints().iter().any(|other| other.method == "GET" && filled(other.path) == path);
            let is_read = matches!(method, Method::GET | Method::HEAD);
            assert!(answer.status().is_client_error() || (is_page && is_read), "{method} {path}: {}", answer.status());
        }
    }
    assert_eq!(scene.state().await, before);
    scene.desktop.shutdown().await;
}

#[tokio::test]
async fn the_same_forms_from_an_own_page_are_heard() {
    let scene = Scene::new().await;
    for endpoint in state_changing().filter(|endpoint| endpoint.audience == Audience::Owner && endpoint.path != "/leave") {
        let answer = scene.send(Method::POST, &filled(endpoint.path), scene.own_headers(), FORM).await;
        // Heard: done, or refused for what it says, by the page itself.
        let refused_at_the_door = [400, 401, 403, 404, 405, 415, 421].contains(&answer.status().as_u16());
        assert!(!refused_at_the_door, "{}: {}", endpoint.path, answer.status());
    }
    let guard = scene.get("/guard").await.text().await.unwrap();
    assert!(!guard.contains("127.0.0.1:22222"), "added by one form, taken away by the next");
    scene.stage.relay.seen(|seen| assert_eq!((seen.new_keys.len(), seen.revoked.len()), (1, 1)));
    let left = scene.send(Method::POST, "/leave", scene.own_headers(), "").await;
    assert_eq!((left.status(), &left.headers()[LOCATION]), (StatusCode::SEE_OTHER, &HeaderValue::from_static("/")));
    assert_eq!(scene.get("/").await.status(), 401, "the session is over");
    scene.desktop.shutdown().await;
}

#[tokio::test]
async fn pages_are_shown_to_whoever_was_let_in_and_under_our_names_alone() {
    let scene = Scene::new().await;
    for endpoint in endpoints().into_iter().filter(|endpoint| endpoint.method == "GET" && endpoint.audience == Audience::Owner) {
        let path = filled(endpoint.path);
        assert_eq!(scene.send(Method::GET, &path, HeaderMap::new(), "").await.status(), 401, "{path}");
        for (name, value, status) in
            [("host", "rebind.example", 421), ("sec-fetch-site", "cross-site", 403), ("sec-fetch-dest", "iframe", 403)]
        {
            let mut headers = scene.own_headers();
            headers.insert(name.parse::<HeaderName>().unwrap(), HeaderValue::from_static(value));
            assert_eq!(scene.send(Method::GET, &path, headers, "").await.status(), status, "{path} with {name}: {value}");
        }
    }
    let page = scene.get("/").await;
    for (name, value) in
        [("cross-origin-opener-policy", "same-origin"), ("cross-origin-resource-policy", "same-origin"), ("cache-control", "no-store")]
    {
        assert_eq!(page.headers()[name], value);
    }
    assert!(page.headers()["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
    let mut rebound = scene.own_headers();
    rebound.insert(HOST, HeaderValue::from_static("rebind.example"));
    assert_eq!(scene.send(Method::GET, "/nothing/at/all", rebound, "").await.status(), 421, "a path that is none, too");
    scene.desktop.shutdown().await;
}

#[tokio::test]
async fn programs_are_known_by_the_token_in_the_data_folder() {
    let scene = Scene::new().await;
    let control = Control::find(scene.stage.folder.path()).unwrap().unwrap();
    let ask = |path: &str, token: &str| scene.client.post(format!("http://{}{path}", control.address)).bearer_auth(token).send();
    for endpoint in state_changing().filter(|endpoint| endpoint.audience == Audience::Program) {
        assert_eq!(ask(endpoint.path, "x").await.unwrap().status(), 401);
        let with_cookie = scene.send(Method::POST, endpoint.path, scene.own_headers(), "").await;
        assert_eq!(with_cookie.status(), 403, "a browser is no program");
    }
    assert!(!scene.desktop.status().paused);
    let opened: serde_json::Value = ask("/control/open", control.token.expose()).await.unwrap().json().await.unwrap();
    assert_eq!(scene.client.get(opened["url"].as_str().unwrap()).send().await.unwrap().status(), 200);
    assert_eq!(ask("/control/pause", control.token.expose()).await.unwrap().status(), 200);
    assert!(scene.desktop.status().paused);
    let folder = scene.stage.folder.path().to_owned();
    scene.desktop.shutdown().await;
    assert!(Control::find(&folder).unwrap().is_none(), "nobody is asked once the desktop has ended");
}

#[tokio::test]
async fn pages_listen_on_loopback_alone() {
    let stage = Stage::new().await;
    let pages = Some(PagesListen::On("0.0.0.0:0".parse().unwrap()));
    let refused = Desktop::start(Config { pages, ..stage.config() }).await.unwrap_err();
    assert!(refused.to_string().contains("no address of loopback"), "{refused}");
}
