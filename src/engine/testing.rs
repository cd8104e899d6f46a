//! What tests look at.

use super::program::{Planned, Rewrites};
use super::run::Call;
use super::{Engine, Program};
use crate::answer::Ask;
use crate::exec::Kept;
use crate::expr::NodeId;
use crate::expr::run::Sets;
use crate::ops::{Limits, RunError};
use crate::optimize::{RULES, Rewritten};
use crate::request::Request;
use crate::types::Key;
use std::sync::Arc;

impl Engine {
    /// The keys of the rows that an operator gives a request in its first round, for tests.
    #[doc(hidden)]
    pub fn rows_of(
        &self,
        program: &Program,
        request: &Request,
        node: NodeId,
    ) -> Result<Vec<Key>, RunError> {
        let program = &program.inner;
        let requests = std::slice::from_ref(request);
        // explanations look at all operators of the program as it is written
        let ask = Ask { why: true, ..Ask::default() };
        let call =
            Call { program, requests, limits: Limits::default(), ask: &ask, now: self.now() };
        self.finished(call, |exec, results, _, _| {
            let entity = program.checked.graph.shape(node).entity;
            let keys = exec.run.keys.keys(entity, &results.rows(node).ids);
            let known = keys.into_iter().map(|key| key.unwrap_or(Key::Int(0)));
            Ok(known.collect())
        })
    }

    /// The program run after some of the rewrites only, for tests: it gives the same answers.
    #[doc(hidden)]
    pub fn by_rules(&self, program: &Program, names: &[&str]) -> Program {
        let (inner, snapshot) = (&program.inner, &self.world.snapshot);
        let (checked, plan, text) = (&inner.checked, &inner.plan, &inner.text);
        let (checked, plan, text) = (checked.clone(), plan.clone(), text.clone());
        let rules = RULES.iter().filter(|rule| names.contains(&rule.name));
        let rewrites = Rewrites { rules: rules.collect(), ..Rewrites::default() };
        Program {
            inner: Arc::new(Planned {
                warnings: inner.warnings.clone(),
                never: inner.never.clone(),
                ..Planned::new(checked, snapshot, plan, text, Vec::new(), rewrites)
            }),
            world: program.world.clone(),
        }
    }

    /// The program where what it has in common with others of the same `kept` runs once, for tests: it gives the
    /// same answers.
    #[doc(hidden)]
    pub fn keeping(&self, program: &Program, kept: &Arc<Kept>) -> Program {
        kept.next_program();
        let inner = &program.inner;
        let rewrites = Rewrites { kept: Some(kept.clone()), ..inner.rewrites.clone() };
        program.rewriting(inner.checked.clone(), rewrites)
    }
}

impl Program {
    /// The operators that run, for tests.
    #[doc(hidden)]
    pub fn rewritten(&self) -> &Rewritten {
        &self.inner.rewritten
    }
}
