//! The least of a document that tells what it would do: which elements were made in which order, whether they are in the
//! document, and the text that people read. No tree of children: nobody walks down.

use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

use html5ever::tendril::StrTendril;
use html5ever::tree_builder::{ElementFlags, NodeOrText, QuirksMode, TreeSink};
use html5ever::{Attribute, QualName, local_name, ns};

/// Elements of interest that are kept; a page with more of them is an attack on memory.
const MAX_FOUND: usize = 4_096;
/// Bytes of one element's text that are kept: a script's code, a title.
const MAX_ELEMENT_TEXT: usize = 256 * 1_024;
/// Bytes of all elements' text together.
const MAX_TEXT: usize = 2 * 1_024 * 1_024;

/// An element of interest, in the order in which the parser made them.
#[derive(Debug)]
pub(super) struct Found {
    /// Local name; of the HTML namespace always.
    pub(super) name: &'static str,
    pub(super) attributes: Vec<(String, String)>,
    /// What stands in it, for scripts and titles.
    pub(super) text: String,
    node: usize,
}

impl Found {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// A parsed document.
#[derive(Debug)]
pub(super) struct Document {
    /// Elements of interest that are part of the document, in order.
    pub(super) found: Vec<Found>,
    /// What people read, white space collapsed.
    pub(super) text: String,
}

/// What the parser holds of a node.
#[derive(Clone, Debug)]
pub(super) struct Handle {
    index: usize,
    /// `None` for the document, template contents, comments and instructions.
    element: Option<Rc<Element>>,
}

#[derive(Debug)]
struct Element {
    name: QualName,
    template_contents: Option<usize>,
    is_integration_point: bool,
    /// Index into the found elements.
    found: Option<usize>,
    /// Whether its text is for machines: scripts, styles, fallbacks.
    hides_text: bool,
}

/// Index of the document among the nodes.
const DOCUMENT: usize = 0;

/// What the parser builds with.
pub(super) struct Sink {
    /// Each node's parent; itself for one that has none.
    parents: RefCell<Vec<usize>>,
    found: RefCell<Vec<Found>>,
    text: RefCell<String>,
    text_limit: usize,
    kept: Cell<usize>,
    nothing: QualName,
}

impl Sink {
    pub(super) fn new(text_limit: usize) -> Self {
        Self {
            parents: RefCell::new(vec![DOCUMENT]),
            found: RefCell::default(),
            text: RefCell::default(),
            text_limit,
            kept: Cell::new(0),
            nothing: QualName::new(None, ns!(), local_name!("")),
        }
    }

    fn node(&self) -> usize {
        let mut parents = self.parents.borrow_mut();
        let index = parents.len();
        parents.push(index);
        index
    }

    fn put(&self, parent: usize, child: &Handle) {
        self.parents.borrow_mut()[child.index] = parent;
    }

    fn write(&self, parent: Option<&Element>, text: &str) {
        if let Some(found) = parent.and_then(|parent| parent.found) {
            let own = &mut self.found.borrow_mut()[found].text;
            let room = MAX_ELEMENT_TEXT.saturating_sub(own.len()).min(MAX_TEXT.saturating_sub(self.kept.get()));
            let taken = &text[..text.floor_char_boundary(room)];
            self.kept.set(self.kept.get() + taken.len());
            own.push_str(taken);
        }
        if parent.is_none_or(|parent| !parent.hides_text) {
            push_collapsed(&mut self.text.borrow_mut(), text, self.text_limit);
        }
    }

    fn find(&self, name: &QualName, attributes: &[Attribute], node: usize) -> Option<usize> {
        if name.ns != ns!(html) {
            // Handlers work in SVG too; nothing else of interest does.
            return self.keep("other", handlers(attributes), node);
        }
        let plain = || attributes.iter().map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string())).collect();
        match name.local {
            local_name!("meta") => self.keep_always("meta", plain(), node),
            local_name!("base") => self.keep_always("base", plain(), node),
            local_name!("script") => self.keep_always("script", plain(), node),
            local_name!("title") => self.keep_always("title", plain(), node),
            local_name!("iframe") | local_name!("frame") | local_name!("embed") | local_name!("object") => {
                self.keep_always("frame", plain(), node)
            }
            local_name!("html") | local_name!("body") => self.keep("body", handlers(attributes), node),
            _ => self.keep("other", handlers(attributes), node),
        }
    }

    fn keep(&self, name: &'static str, attributes: Vec<(String, String)>, node: usize) -> Option<usize> {
        if attributes.is_empty() { None } else { self.keep_always(name, attributes, node) }
    }

    fn keep_always(&self, name: &'static str, attributes: Vec<(String, String)>, node: usize) -> Option<usize> {
        let mut found = self.found.borrow_mut();
        if found.len() >= MAX_FOUND {
            return None;
        }
        found.push(Found { name, attributes, text: String::new(), node });
        Some(found.len() - 1)
    }
}

fn handlers(attributes: &[Attribute]) -> Vec<(String, String)> {
    let is_handler = |attribute: &&Attribute| attribute.name.local.starts_with("on");
    attributes.iter().filter(is_handler).map(|attribute| (attribute.name.local.to_string(), attribute.value.to_string())).collect()
}

/// Adds text with its white space collapsed, up to a limit.
pub(super) fn push_collapsed(whole: &mut String, text: &str, limit: usize) {
    let mut ends_blank = whole.is_empty() || whole.ends_with(' ');
    for character in text.chars() {
        if whole.len() + character.len_utf8() > limit {
            return;
        }
        if character.is_whitespace() {
            if !ends_blank {
                whole.push(' ');
            }
            ends_blank = true;
        } else {
            whole.push(character);
            ends_blank = false;
        }
    }
}

/// Elements whose text people do not read.
fn hides_text(name: &QualName) -> bool {
    matches!(
        name.local,
        local_name!("script")
            | local_name!("style")
            | local_name!("noscript")
            | local_name!("title")
            | local_name!("template")
            | local_name!("iframe")
            | local_name!("noembed")
            | local_name!("noframes")
            | local_name!("option")
            | local_name!("head")
    )
}

impl TreeSink for Sink {
    type Handle = Handle;
    type Output = Document;
    type ElemName<'a> = &'a QualName;

    fn finish(self) -> Document {
        let mut parents = self.parents.into_inner();
        let mut is_in_document = |mut node: usize| {
            let start = node;
            while parents[node] != node {
                node = parents[node];
            }
            // Shorten the way for the next one: depth may be anything.
            let (root, mut step) = (node, start);
            while parents[step] != root && step != root {
                step = std::mem::replace(&mut parents[step], root);
            }
            root == DOCUMENT
        };
        let mut found = self.found.into_inner();
        found.retain(|found| is_in_document(found.node));
        Document { found, text: self.text.into_inner().trim_end().to_owned() }
    }

    fn parse_error(&self, _message: Cow<'static, str>) {}

    fn get_document(&self) -> Handle {
        Handle { index: DOCUMENT, element: None }
    }

    fn elem_name<'a>(&'a self, target: &'a Handle) -> &'a QualName {
        target.element.as_ref().map_or(&self.nothing, |element| &element.name)
    }

    fn create_element(&self, name: QualName, attributes: Vec<Attribute>, flags: ElementFlags) -> Handle {
        let index = self.node();
        let found = self.find(&name, &attributes, index);
        let template_contents = flags.template.then(|| self.node());
        let hides_text = hides_text(&name);
        let is_integration_point = flags.mathml_annotation_xml_integration_point;
        Handle { index, element: Some(Rc::new(Element { name, template_contents, is_integration_point, found, hides_text })) }
    }

    fn create_comment(&self, _text: StrTendril) -> Handle {
        Handle { index: self.node(), element: None }
    }

    fn create_pi(&self, _target: StrTendril, _data: StrTendril) -> Handle {
        Handle { index: self.node(), element: None }
    }

    fn append(&self, parent: &Handle, child: NodeOrText<Handle>) {
        match child {
            NodeOrText::AppendNode(node) => {
                self.put(parent.index, &node);
                // Blocks end words: "<p>a</p><p>b</p>" reads "a b".
                self.write(parent.element.as_deref().filter(|element| element.found.is_none()), " ");
            }
            NodeOrText::AppendText(text) => self.write(parent.element.as_deref(), &text),
        }
    }

    fn append_based_on_parent_node(&self, element: &Handle, previous: &Handle, child: NodeOrText<Handle>) {
        let has_parent = self.parents.borrow()[element.index] != element.index;
        if has_parent { self.append_before_sibling(element, child) } else { self.append(previous, child) }
    }

    fn append_doctype_to_document(&self, _name: StrTendril, _public: StrTendril, _system: StrTendril) {}

    fn get_template_contents(&self, target: &Handle) -> Handle {
        let contents = target.element.as_ref().and_then(|element| element.template_contents);
        Handle { index: contents.unwrap_or(target.index), element: None }
    }

    fn same_node(&self, x: &Handle, y: &Handle) -> bool {
        x.index == y.index
    }

    fn set_quirks_mode(&self, _mode: QuirksMode) {}

    fn append_before_sibling(&self, sibling: &Handle, new: NodeOrText<Handle>) {
        let parent = self.parents.borrow()[sibling.index];
        match new {
            NodeOrText::AppendNode(node) => self.put(parent, &node),
            NodeOrText::AppendText(text) => self.write(None, &text),
        }
    }

    fn add_attrs_if_missing(&self, target: &Handle, attributes: Vec<Attribute>) {
        // A second `<body onload>` adds its handlers to the first.
        self.keep("body", handlers(&attributes), target.index);
    }

    fn remove_from_parent(&self, target: &Handle) {
        self.parents.borrow_mut()[target.index] = target.index;
    }

    fn reparent_children(&self, _node: &Handle, _new_parent: &Handle) {
        // The parser moves children only within one tree, and only which tree a node is in is ever asked.
    }

    fn is_mathml_annotation_xml_integration_point(&self, handle: &Handle) -> bool {
        handle.element.as_ref().is_some_and(|element| element.is_integration_point)
    }
}
