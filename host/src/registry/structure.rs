//! How large a component may be in each of its dimensions. Its sections are counted before anything is done with what they hold: that takes
//! milliseconds and no memory, whatever the file claims.

use wasmparser::{Parser, Payload};

/// Components and modules inside of each other.
const NESTING_MAX: usize = 24;
const MODULES_MAX: u64 = 256;
/// Of core modules, and the groups of exports that stand for one.
const CORE_INSTANCES_MAX: u64 = 4_096;
const INSTANCES_MAX: u64 = 4_096;
const FUNCTIONS_MAX: u64 = 300_000;
/// Compiling takes more than twice as long for a function of twice the size.
const FUNCTION_BYTES_MAX: usize = 4 << 20;
const TYPES_MAX: u64 = 200_000;
/// Aliases, canonical functions, imports and exports.
const ITEMS_MAX: u64 = 1_000_000;

#[derive(Default)]
struct Count {
    modules: u64,
    core_instances: u64,
    instances: u64,
    functions: u64,
    types: u64,
    items: u64,
}

/// # Errors
/// What there is too much of, or what cannot be read.
pub(super) fn check(component: &[u8]) -> Result<(), String> {
    let mut count = Count::default();
    let mut nesting = 0_usize;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(|error| error.to_string())?;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => nesting += 1,
            Payload::End(_) => nesting = nesting.saturating_sub(1),
            _ => {}
        }
        if nesting > NESTING_MAX {
            return Err(format!(
                "it nests components more than {NESTING_MAX} levels deep"
            ));
        }
        count.add(&payload)?;
        count.check()?;
    }
    Ok(())
}

impl Count {
    fn add(&mut self, payload: &Payload<'_>) -> Result<(), String> {
        match payload {
            Payload::ModuleSection { .. } => self.modules += 1,
            Payload::InstanceSection(section) => self.core_instances += u64::from(section.count()),
            Payload::ComponentInstanceSection(section) => {
                self.instances += u64::from(section.count());
            }
            Payload::FunctionSection(section) => self.functions += u64::from(section.count()),
            Payload::TypeSection(section) => self.types += u64::from(section.count()),
            Payload::CoreTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ComponentTypeSection(section) => self.types += u64::from(section.count()),
            Payload::ImportSection(section) => self.items += u64::from(section.count()),
            Payload::ExportSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentImportSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentExportSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentAliasSection(section) => self.items += u64::from(section.count()),
            Payload::ComponentCanonicalSection(section) => self.items += u64::from(section.count()),
            Payload::CodeSectionEntry(body) => {
                let bytes = body.range().len();
                if bytes > FUNCTION_BYTES_MAX {
                    return Err(format!(
                        "one of its functions has {bytes} bytes of code, and {FUNCTION_BYTES_MAX} are the most that is compiled"
                    ));
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn check(&self) -> Result<(), String> {
        let bounds = [
            ("core modules", self.modules, MODULES_MAX),
            ("core instances", self.core_instances, CORE_INSTANCES_MAX),
            ("instances", self.instances, INSTANCES_MAX),
            ("functions", self.functions, FUNCTIONS_MAX),
            ("types", self.types, TYPES_MAX),
            ("imports, exports and aliases", self.items, ITEMS_MAX),
        ];
        match bounds.into_iter().find(|(_, count, most)| count > most) {
            None => Ok(()),
            Some((what, count, most)) => {
                Err(format!("it has {count} {what}, and {most} is the most"))
            }
        }
    }
}
