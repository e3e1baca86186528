//! A look at the page that stands there: title, text, source, and whether anything on it could still move it. Done in an
//! isolated world, which the page can neither see nor bend.

use serde_json::{Value, json};
use tokio::time::Duration;
use url::Url;

use super::cdp::{CdpError, Client, Fields as _};
use crate::chain::MAX_PAGE_TEXT;
use crate::refresh;

/// How long a page may take to answer; one that is busy for longer is not settled.
const ANSWER: Duration = Duration::from_secs(2);

/// What a look shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Look {
    pub(super) media_type: String,
    pub(super) title: String,
    pub(super) text: String,
    pub(super) markup: String,
    /// Whether anything may run later that moves the page: a timer, a frame that reports back.
    pub(super) may_move: bool,
    /// Whether anything can run at all.
    pub(super) has_scripts: bool,
    /// Whether there is nothing on the page at all.
    pub(super) is_empty: bool,
    /// `document.readyState`.
    pub(super) ready_state: String,
    /// The refresh that the page's metas ask for soonest: its delay in seconds and where to.
    pub(super) refresh: Option<(f64, String)>,
}

// Getters are taken from their prototypes: `<img name="title">` makes `document.title` an image, in every world.
const SCRIPT: &str = r"(limit => {
  const get = (proto, name, object) => Object.getOwnPropertyDescriptor(proto, name).get.call(object);
  const all = selector => [...Document.prototype.querySelectorAll.call(document, selector)];
  const cut = (text, limit) => String(text ?? '').slice(0, limit);
  const root = get(Document.prototype, 'documentElement', document);
  const runs = /^$|^module$|javascript|ecmascript/i;
  const scripts = all('script').filter(script => runs.test((script.getAttribute('type') ?? '').trim()));
  const inline = scripts.map(script => script.textContent).join('\n');
  let handlers = '';
  const walker = Document.prototype.createTreeWalker.call(document, document, 1);
  for (let node, seen = 0; (node = walker.nextNode()) && seen < 20000; seen++) {
    const attributes = get(Element.prototype, 'attributes', node);
    for (let i = 0; i < attributes.length; i++)
      if (/^on/i.test(attributes[i].name)) handlers += attributes[i].value + '\n';
  }
  const text = root ? (root instanceof HTMLElement ? get(HTMLElement.prototype, 'innerText', root) : get(Node.prototype, 'textContent', root)) : '';
  const body = get(Document.prototype, 'body', document);
  return {
    mediaType: get(Document.prototype, 'contentType', document),
    title: cut(get(Document.prototype, 'title', document), 1000),
    text: cut(text, limit), markup: cut(root ? get(Element.prototype, 'outerHTML', root) : '', limit),
    sources: cut(inline + handlers, limit * 8), isCut: (inline + handlers).length > limit * 8,
    ready: get(Document.prototype, 'readyState', document), base: get(Node.prototype, 'baseURI', document),
    refreshes: all('meta[http-equiv=refresh i][content]').slice(0, 20).map(meta => cut(meta.getAttribute('content'), 4096)),
    scripts: scripts.length, handlers: handlers.length > 0, external: scripts.filter(script => script.hasAttribute('src')).length,
    frames: all('iframe,frame,object,embed,portal,fencedframe').length,
    elements: body ? body.childNodes.length : (root ? 1 : 0),
  };
})(LIMIT)";

/// Words without which a script, once it has run, has no way to run again; and signs of words put together.
const LATER: &[&str] = &[
    "Timeout",
    "Interval",
    "Frame",
    "Idle",
    "postTask",
    "Worker",
    "Socket",
    "EventSource",
    "BroadcastChannel",
    "onmessage",
    "Observer",
    "transition",
    "animation",
    "eval",
    "Function",
    "atob",
    "fromCharCode",
    "decodeURI",
    "unescape",
    "import",
    "document.write",
    "\\x",
    "\\u",
    "[\"",
    "['",
    "[`",
    "createElement",
    "fetch",
    "XMLHttpRequest",
];

/// Where the page stands.
#[derive(Clone, Debug)]
pub(super) struct Standing {
    /// `Page.Frame` of the main frame.
    pub(super) frame: Value,
    pub(super) look: Look,
}

/// Asks the page where it stands, and looks at it.
///
/// # Errors
/// [`CdpError`]: the page is busy, has gone elsewhere meanwhile, or the browser has ended.
pub(super) async fn stand(client: &Client, session: &str, frame: &str) -> Result<Standing, CdpError> {
    // Both are asked at once: commands of a session run in order.
    let tree = client.call_within(session, "Page.getFrameTree", json!({}), ANSWER);
    let (mut tree, look) = tokio::try_join!(tree, look(client, session, frame))?;
    Ok(Standing { frame: tree["frameTree"]["frame"].take(), look })
}

/// Looks.
///
/// # Errors
/// [`CdpError`]: the page is busy, has gone elsewhere meanwhile, or the browser has ended.
async fn look(client: &Client, session: &str, frame: &str) -> Result<Look, CdpError> {
    let world = json!({"frameId": frame, "worldName": "look"});
    let world = client.call_within(session, "Page.createIsolatedWorld", world, ANSWER).await?;
    let script = SCRIPT.replace("LIMIT", &MAX_PAGE_TEXT.to_string());
    let evaluation = json!({
        "expression": script, "contextId": world["executionContextId"], "returnByValue": true, "silent": true,
        "timeout": u64::try_from(ANSWER.as_millis()).unwrap_or(u64::MAX),
    });
    let answer = client.call_within(session, "Runtime.evaluate", evaluation, ANSWER).await?;
    let value = &answer["result"]["value"];
    if !value.is_object() {
        tracing::debug!(answer = %answer["exceptionDetails"]["exception"].text("description"), "a page cannot be looked at");
        return Err(CdpError::Incomplete("Runtime.evaluate"));
    }
    Ok(Look::of(value))
}

impl Look {
    fn of(value: &Value) -> Self {
        let sources = value.text("sources");
        let count = |name: &str| value.number(name) > 0.0;
        let text = collapsed(value.text("text"));
        Self {
            media_type: value.text("mediaType").to_ascii_lowercase(),
            title: collapsed(value.text("title")),
            may_move: count("external") || count("frames") || value.flag("isCut") || LATER.iter().any(|word| sources.contains(word)),
            has_scripts: count("scripts") || count("frames") || value.flag("handlers"),
            is_empty: text.is_empty() && !count("elements"),
            text,
            ready_state: value.text("ready").to_owned(),
            refresh: refresh(value),
            markup: within(value.text("markup").to_owned()),
        }
    }
}

fn refresh(value: &Value) -> Option<(f64, String)> {
    let base = Url::parse(value.text("base")).ok()?;
    let mut soonest: Option<(f64, String)> = None;
    for content in value.get("refreshes")?.as_array()? {
        let Some(refresh) = refresh::parse(content.as_str()?) else { continue };
        if soonest.as_ref().is_none_or(|(delay, _)| refresh.delay <= *delay) {
            let target = refresh.target.map_or_else(|| base.to_string(), |target| base.join(target).map_or(target.to_owned(), Url::into));
            soonest = Some((refresh.delay, target));
        }
    }
    soonest
}

/// White space collapsed, as people read.
fn collapsed(text: &str) -> String {
    let mut collapsed = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !collapsed.is_empty() {
            collapsed.push(' ');
        }
        collapsed.push_str(word);
    }
    within(collapsed)
}

fn within(mut text: String) -> String {
    let mut end = text.len().min(MAX_PAGE_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text.truncate(end);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look_at(sources: &str) -> Look {
        Look::of(&json!({"sources": sources, "scripts": 1, "title": " a\n b ", "text": "ü".repeat(MAX_PAGE_TEXT), "elements": 1}))
    }

    #[test]
    fn only_scripts_that_can_run_again_may_move_the_page_later() {
        for later in ["setTimeout(f, 9)", "window['set' + x]", "eval(x)", "\\x73et"] {
            assert!(look_at(later).may_move, "{later}");
        }
        for done in ["var a = 1;", "location = '/b'", "document.title = 'x'"] {
            assert!(!look_at(done).may_move, "{done}");
        }
    }

    #[test]
    fn text_is_bounded_by_bytes_and_read_as_people_do() {
        let look = look_at("");
        assert_eq!(look.title, "a b");
        assert_eq!(look.text.len(), MAX_PAGE_TEXT);
        assert!(!look.is_empty);
    }
}
