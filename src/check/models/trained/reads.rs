//! What a text reads: the declarations that its words lead to, with all that these read.

use crate::check::Checker;
use crate::check::modules::Kind as NameKind;
use crate::syntax::ast::{self, File, ItemKind};
use crate::syntax::print;
use foldhash::HashSet;

/// A declaration that is read.
pub(super) struct Read<'a> {
    /// The file that it is in.
    pub module: usize,
    pub item: &'a ast::Item,
    /// Without comments.
    pub text: String,
}

/// Whatever can be read by a name.
const KINDS: [NameKind; 7] = [
    NameKind::Edge,
    NameKind::Embedding,
    NameKind::Model,
    NameKind::Value,
    NameKind::Policy,
    NameKind::Callable,
    NameKind::Rest,
];

impl<'a> Checker<'a> {
    /// What the words of a text of a file lead to, as far as it is `wanted`; words that are `implied` are read by every
    /// text. More may be named than is read: words are not told from each other by what they mean.
    pub(super) fn reads_of(
        &self,
        text: &str,
        module: usize,
        implied: &[&str],
        wanted: &dyn Fn(&ast::Item) -> bool,
    ) -> Vec<Read<'a>> {
        let modules = self.modules;
        let words_of = |text: &str, m: usize| {
            let implied = implied.iter().map(|word| (*word).to_owned());
            words(text).into_iter().chain(implied).map(move |word| (m, word))
        };
        let mut found = Vec::new();
        let mut names: Vec<(usize, String)> = words_of(text, module).collect();
        let (mut seen, mut items_seen) = (HashSet::default(), HashSet::default());
        // a word means what it does in the file where it stands
        while let Some((from, name)) = names.pop() {
            if !seen.insert((from, name.clone())) {
                continue;
            }
            let items = KINDS.iter().flat_map(|&kind| modules.find(from, kind, &name));
            let is_read =
                |item: &ast::Item| !matches!(item.kind, ItemKind::Expr(_)) && wanted(item);
            for (module, item) in items.filter(|(_, item)| is_read(item)) {
                if items_seen.insert(std::ptr::from_ref(item)) {
                    let text = printed(item);
                    names.extend(words_of(&text, module));
                    found.push(Read { module, item, text });
                }
            }
        }
        found
    }
}

/// An item without its comments, which do not count.
pub(super) fn printed(item: &ast::Item) -> String {
    let lines = print(&File { items: vec![item.clone()], ..File::default() });
    let lines = lines.lines().filter(|line| !line.trim_start().starts_with('#'));
    lines.collect::<Vec<_>>().join("\n")
}

/// The words of a program, and whatever stands between two backticks, as names may.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    let quoted = text.split('`').skip(1);
    let quoted = quoted.filter(|name| !name.contains('\n'));
    parts.chain(quoted).filter(|part| !part.is_empty()).map(str::to_owned).collect()
}
