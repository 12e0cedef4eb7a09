//! Just enough HTML to read our own pages strictly: what is not closed, not quoted or not escaped is a panic.

/// Elements that have no end.
const VOID: [&str; 6] = ["br", "input", "link", "meta", "img", "hr"];

#[derive(Debug, Clone, Default)]
pub(crate) struct Element {
    pub(crate) name: String,
    pub(crate) attributes: Vec<(String, String)>,
    children: Vec<Node>,
}

#[derive(Debug, Clone)]
enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// All elements below, in the order of the page.
    pub(crate) fn all(&self) -> Vec<&Element> {
        let below =
            self.children.iter().filter_map(|c| if let Node::Element(e) = c { Some(e) } else { None });
        below.flat_map(|e| std::iter::once(e).chain(e.all())).collect()
    }

    pub(crate) fn find(&self, name: &str) -> Vec<&Element> {
        self.all().into_iter().filter(|e| e.name == name).collect()
    }

    /// The first with this attribute.
    pub(crate) fn one(&self, name: &str, attribute: &str, value: &str) -> &Element {
        let mut found = self.find(name).into_iter().filter(|e| e.attribute(attribute) == value);
        found.next().unwrap_or_else(|| panic!("no <{name} {attribute}={value:?}>"))
    }

    /// Empty where there is none.
    pub(crate) fn attribute(&self, name: &str) -> &str {
        self.attributes.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(n, _)| n == name)
    }

    pub(crate) fn text(&self) -> String {
        let part = |child: &Node| match child {
            Node::Text(text) => text.clone(),
            Node::Element(element) => element.text(),
        };
        self.children.iter().map(part).collect()
    }
}

pub(crate) fn parse(html: &str) -> Element {
    let html = html.strip_prefix("<!DOCTYPE html>").unwrap_or(html);
    let mut open = vec![Element::default()];
    let mut rest = html;
    while !rest.is_empty() {
        let Some(tagged) = rest.strip_prefix('<') else {
            let (text, tail) = rest.split_at(rest.find('<').unwrap_or(rest.len()));
            open.last_mut().unwrap().children.push(Node::Text(unescape(text)));
            rest = tail;
            continue;
        };
        if let Some(closing) = tagged.strip_prefix('/') {
            let (name, tail) = closing.split_once('>').expect("an end tag ends");
            let done = open.pop().unwrap();
            assert_eq!(done.name, name, "closed out of order");
            open.last_mut().expect("closed once too often").children.push(Node::Element(done));
            rest = tail;
            continue;
        }
        let (element, alone, tail) = tag(tagged);
        rest = tail;
        if alone || VOID.contains(&element.name.as_str()) {
            open.last_mut().unwrap().children.push(Node::Element(element));
        } else {
            open.push(element);
        }
    }
    assert_eq!(open.len(), 1, "<{}> is not closed", open.last().unwrap().name);
    open.pop().unwrap()
}

fn tag(text: &str) -> (Element, bool, &str) {
    let end = text.find([' ', '>', '/']).expect("a tag ends");
    let (name, mut rest) = text.split_at(end);
    assert!(name.chars().all(|c| c.is_ascii_alphanumeric()), "<{name} is no tag");
    let mut element = Element { name: name.into(), ..Element::default() };
    loop {
        rest = rest.trim_start();
        if let Some(tail) = rest.strip_prefix('>') {
            return (element, false, tail);
        }
        if let Some(tail) = rest.strip_prefix("/>") {
            return (element, true, tail);
        }
        let end = rest.find(['=', ' ', '>', '/']).expect("an attribute ends");
        let (name, tail) = rest.split_at(end);
        let Some(value) = tail.strip_prefix('=') else {
            element.attributes.push((name.into(), String::new()));
            rest = tail;
            continue;
        };
        let (value, tail) =
            value.strip_prefix('"').expect("a quoted value").split_once('"').expect("its end");
        element.attributes.push((name.into(), unescape(value)));
        rest = tail;
    }
}

fn unescape(text: &str) -> String {
    assert!(!text.contains('<'), "{text:?}");
    let mut out = String::new();
    let mut parts = text.split('&');
    out.push_str(parts.next().unwrap());
    for part in parts {
        let (name, tail) = part.split_once(';').unwrap_or_else(|| panic!("a bare & in {text:?}"));
        out.push_str(match name {
            "amp" => "&",
            "lt" => "<",
            "gt" => ">",
            "quot" => "\"",
            other => panic!("&{other};"),
        });
        out.push_str(tail);
    }
    out
}
