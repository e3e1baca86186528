//! What the lab answers: one function from a request to an answer, or to what a broken server does instead.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use http_body_util::Full;

use crate::index;

/// What a request leads to.
pub(crate) enum Reaction {
    /// An answer.
    Answer(Response<Full<Bytes>>),
    /// An answer after a while.
    Later(Duration, Response<Full<Bytes>>),
    /// The connection ends without one.
    HangUp,
    /// Nothing, for ever.
    Silence,
}

/// Long enough to be seen, short enough for a lab that is run often.
const SLOW: Duration = Duration::from_millis(700);

/// Reacts to one request.
pub(crate) fn react(path_and_query: &str, headers: &HeaderMap) -> Reaction {
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let cookies = headers.get(header::COOKIE).and_then(|cookies| cookies.to_str().ok()).unwrap_or_default();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let answer = match segments.as_slice() {
        [""] => index::page(),
        ["cases.json"] => index::data(),
        ["landing"] => page(200, include_str!("pages/landing.html")),
        ["slow"] => return Reaction::Later(SLOW, redirect(302, "/slow/page")),
        ["slow", "page"] => return Reaction::Later(SLOW, page(200, include_str!("pages/landing.html"))),
        ["chain", status, left] => chain(status, left),
        ["relative", ..] => redirect(302, "../../landing"),
        ["protocol-relative"] => redirect(302, &format!("//{host}/landing")),
        ["backslashes"] => redirect(302, &format!("\\\\{host}\\landing")),
        ["fragment"] => redirect(302, "/fragment/on"),
        ["fragment", "on"] => redirect(301, "/landing"),
        ["parameters"] => redirect(302, &format!("/parameters/on?{query}&session=7")),
        ["parameters", "on"] => redirect(302, "/landing?sub=NORTH&session=7"),
        ["cookie-gate"] if cookies.contains("seen=1") => redirect(302, "/landing"),
        ["cookie-gate"] => with_cookie(redirect(302, "/cookie-gate"), "seen=1; Path=/cookie-gate"),
        ["cookie-counter"] => cookie_counter(cookies),
        ["loop", "self"] => redirect(302, "/loop/self"),
        ["loop", "a"] => redirect(302, "/loop/b"),
        ["loop", "b"] => redirect(302, "/loop/a"),
        ["loop", "refresh"] => meta_refresh("0", "/loop/refresh"),
        ["endless", turn] => redirect(302, &format!("/endless/{}", turn.parse::<u32>().unwrap_or_default().wrapping_add(1))),
        ["to-status", status] => redirect(302, &format!("/status/{status}")),
        ["status", status] => error_page(status),
        ["login"] => page(401, include_str!("pages/login.html")),
        ["captcha"] => redirect(302, "/captcha/check"),
        ["captcha", "check"] => page(200, include_str!("pages/captcha.html")),
        ["bot-wall"] => with_header(page(403, include_str!("pages/captcha.html")), "cf-mitigated", "challenge"),
        ["wall", name] => wall(name),
        ["refresh", "meta", seconds] => meta_refresh(seconds, "/landing"),
        ["refresh", "header"] => refresh_header("/landing"),
        ["refresh", "mix"] => redirect(302, "/refresh/mix/1"),
        ["refresh", "mix", "1"] => meta_refresh("0", "/refresh/mix/2"),
        ["refresh", "mix", "2"] => redirect(301, "/refresh/mix/3"),
        ["refresh", "mix", "3"] => refresh_header("/landing"),
        ["script", "location"] => script("window.location.href = \"/landing\";"),
        ["script", "timer"] => script("setTimeout(function () { location.replace(\"/landing\"); }, 500);"),
        ["script", "cookie"] if cookies.contains("human=1") => redirect(302, "/landing"),
        ["script", "cookie"] => script("document.cookie = \"human=1; path=/script/cookie\"; location.reload();"),
        ["form", "get"] => page(200, &include_str!("pages/form.html").replace("{{method}}", "get")),
        ["form", "post"] => page(200, &include_str!("pages/form.html").replace("{{method}}", "post")),
        ["form", "target"] if query.is_empty() => redirect(303, "/landing"),
        ["form", "target"] => page(200, include_str!("pages/landing.html")),
        ["app", "intent"] => redirect(302, "intent://offer/1842#Intent;scheme=northfold;package=example.northfold;end"),
        ["app", "market"] => redirect(302, "market://details?id=example.northfold"),
        ["app", "itms-apps"] => redirect(302, "itms-apps://apps.apple.com/app/id1842"),
        ["app", "meta"] => meta_refresh("0", "market://details?id=example.northfold"),
        ["refused", "private"] => redirect(302, "http://10.0.0.1/admin"),
        ["refused", "metadata"] => redirect(302, "http://169.254.169.254/latest/meta-data/"),
        // Port 9 is "discard"; 8 is nobody's, so that the address and not the port is what is refused.
        ["refused", "loopback"] => redirect(302, "http://127.0.0.1:8/"),
        ["refused", "port"] => redirect(302, &format!("http://{name}:25/")),
        ["refused", "data"] => redirect(302, "data:text/html,<p>hello"),
        ["invalid", "missing"] => page(302, "<!doctype html><title>Moved</title><p>This page has moved."),
        ["invalid", "unparseable"] => redirect(302, "http://[::1"),
        ["invalid", "two"] => two_locations(),
        ["broken", "dns"] => redirect(302, "http://no-such-name.invalid/offer"),
        ["broken", "drop"] => return Reaction::HangUp,
        ["broken", "tls"] => redirect(302, &format!("https://{host}/landing")),
        ["broken", "silence"] => return Reaction::Silence,
        ["content", "empty"] => page(200, ""),
        ["content", "204"] => page(204, ""),
        ["content", "download"] => download(),
        ["content", "json"] => typed(200, "application/json", "{\"offer\":1842,\"active\":true}"),
        ["offer", "over", why] => offer(why),
        ["offer", why] => redirect(302, &format!("/offer/over/{why}")),
        ["mismatch"] => redirect(302, "/landing"),
        _ => error_page("404"),
    };
    Reaction::Answer(answer)
}

pub(crate) fn typed(status: u16, media_type: &'static str, body: &str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    // A lab is there to be tried again and again.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

pub(crate) fn page(status: u16, html: &str) -> Response<Full<Bytes>> {
    typed(status, "text/html; charset=utf-8", html)
}

fn with_header(mut response: Response<Full<Bytes>>, name: &'static str, value: &str) -> Response<Full<Bytes>> {
    match HeaderValue::from_bytes(value.as_bytes()) {
        Ok(value) => {
            response.headers_mut().append(name, value);
            response
        }
        // Only a Host header with line breaks could lead here, and hyper lets none in.
        Err(_) => error_page("400"),
    }
}

fn with_cookie(response: Response<Full<Bytes>>, cookie: &str) -> Response<Full<Bytes>> {
    with_header(response, "set-cookie", cookie)
}

fn redirect(status: u16, location: &str) -> Response<Full<Bytes>> {
    with_header(page(status, ""), "location", location)
}

fn chain(status: &str, left: &str) -> Response<Full<Bytes>> {
    match (status.parse::<u16>(), left.parse::<u32>()) {
        (Ok(status @ (301 | 302 | 303 | 307 | 308)), Ok(0 | 1)) => redirect(status, "/landing"),
        (Ok(status @ (301 | 302 | 303 | 307 | 308)), Ok(left)) => redirect(status, &format!("/chain/{status}/{}", left - 1)),
        _ => error_page("404"),
    }
}

fn cookie_counter(cookies: &str) -> Response<Full<Bytes>> {
    let turn = cookies.split("turn=").nth(1).and_then(|rest| rest.split(';').next()?.parse::<u32>().ok()).unwrap_or_default();
    if turn >= 4 {
        return redirect(302, "/landing");
    }
    with_cookie(redirect(302, "/cookie-counter"), &format!("turn={}; Path=/cookie-counter", turn + 1))
}

fn error_page(status: &str) -> Response<Full<Bytes>> {
    let code = status.parse::<u16>().ok().filter(|code| (400..600).contains(code)).unwrap_or(404);
    let message = match code {
        403 => "You have no access to this page from where you are.",
        404 | 410 => "We looked everywhere, but this page is not here any more.",
        429 => "That were a lot of visits. Please come back later.",
        503 => "We are down for maintenance and back within the hour.",
        500..=599 => "Something broke on our side.",
        _ => "This request makes no sense to us.",
    };
    page(code, &include_str!("pages/error.html").replace("{{status}}", &code.to_string()).replace("{{message}}", message))
}

fn meta_refresh(seconds: &str, target: &str) -> Response<Full<Bytes>> {
    let seconds = seconds.parse::<u32>().unwrap_or_default().to_string();
    page(200, &include_str!("pages/meta-refresh.html").replace("{{seconds}}", &seconds).replace("{{target}}", target))
}

fn refresh_header(target: &str) -> Response<Full<Bytes>> {
    with_header(page(200, include_str!("pages/refresh-header.html")), "refresh", &format!("0; url={target}"))
}

fn script(code: &str) -> Response<Full<Bytes>> {
    page(200, &include_str!("pages/script.html").replace("{{script}}", code))
}

fn offer(why: &str) -> Response<Full<Bytes>> {
    let message = match why {
        "expired" => "This offer has expired. It ran until the end of last month.",
        "paused" => "This campaign has been paused by the advertiser.",
        "product" => "This item is no longer available. Here are some that are alike.",
        "parked" => "northfold.example: buy this domain. This domain is for sale by its owner.",
        "country" => "This offer is not available in your country.",
        _ => return error_page("404"),
    };
    page(200, &include_str!("pages/offer.html").replace("{{message}}", message))
}

/// What stands between a visitor and the page, as its makers write it: one page for each rule that tells them apart.
fn wall(name: &str) -> Response<Full<Bytes>> {
    match name {
        "cloudflare-page" => page(403, include_str!("pages/walls/cloudflare-page.html")),
        "datadome" => page(403, include_str!("pages/walls/datadome.html")),
        "perimeterx" => page(200, include_str!("pages/walls/perimeterx.html")),
        "imperva" => page(200, include_str!("pages/walls/imperva.html")),
        "akamai" => page(403, include_str!("pages/walls/akamai.html")),
        "aws-waf" => with_header(page(202, include_str!("pages/walls/plain.html")), "x-amzn-waf-action", "challenge"),
        "captcha-gate" => page(200, include_str!("pages/walls/captcha-gate.html")),
        "human-check" => page(503, include_str!("pages/walls/human-check.html")),
        "consent-gate" => page(200, include_str!("pages/walls/consent-gate.html")),
        _ => error_page("404"),
    }
}

fn two_locations() -> Response<Full<Bytes>> {
    with_header(redirect(302, "/landing"), "location", "/status/404")
}

fn download() -> Response<Full<Bytes>> {
    with_header(typed(200, "application/zip", "PK\u{5}\u{6}"), "content-disposition", "attachment; filename=\"offer.zip\"")
}
