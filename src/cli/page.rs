//! Reports as pages that need nothing else, for light and dark, wide and narrow screens.

use super::plan::escape;

const STYLE: &str = include_str!("page.css");
/// Nothing is fetched, whatever a program or its data say.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A page; `style` is what it has beside what all have.
pub fn page(title: &str, style: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\"><meta name=\"color-scheme\" content=\"light dark\">\
         <title>{title}</title><style>{STYLE}{style}</style></head>\n<body>{body}</body></html>\n"
    )
}

/// Doubts as a list.
pub fn warnings(warnings: &[String]) -> String {
    match warnings {
        [] => String::new(),
        all => {
            let items = all.iter().map(|warning| format!("<li>{}</li>", escape(warning)));
            format!("<ul>{}</ul>", items.collect::<String>())
        }
    }
}
