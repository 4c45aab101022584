//! What every format has in common whose units say, or show, where they end: they come cut anywhere, and are wanted in one piece.

/// Above this the memory of a unit that was cut is given back once it is whole, so that one large unit does not stay paid for in a stream
/// that goes on with small ones. The engine's read size: no smaller unit than that needs more than two reads.
const KEEP_CAPACITY: usize = 64 * 1024;

/// What a unit is made of, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Before what it is about.
    pub head: u64,
    /// What it is about.
    pub body: u64,
    /// Behind that.
    pub foot: u64,
}

impl Extent {
    /// All of them.
    #[inline]
    pub fn total(self) -> u64 {
        self.head + self.body + self.foot
    }
}

/// A unit that is whole.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// All of it.
    pub bytes: &'a [u8],
    /// What they are.
    pub extent: Extent,
    /// Where in the input it lies; nothing where it began in an earlier one.
    pub start: Option<usize>,
}

/// What the units of a stream are.
pub trait Units {
    /// Why the stream cannot be read on.
    type Error: Copy;

    /// The unit that begins with `bytes`, once they tell.
    ///
    /// # Errors
    /// It is none, or more than is allowed.
    fn measure(&self, bytes: &[u8]) -> Result<Option<Extent>, Self::Error>;

    /// The same, of one that begins with `held`, which did not tell, and goes on with `more`.
    ///
    /// # Errors
    /// As above.
    fn measure_joined(&self, held: &[u8], more: &[u8]) -> Result<Option<Extent>, Self::Error>;
}

/// Cuts a stream into units, and keeps the beginning of one until its end has come.
///
/// Nothing is allocated for what a peer merely announces, only for bytes that have come (at most twice as much, and no more than the unit has).
#[derive(Debug)]
pub struct Assembler<U: Units> {
    units: U,
    partial: Vec<u8>,
    /// All of that unit, once it is known.
    extent: Option<Extent>,
    failed: Option<U::Error>,
}

impl<U: Units> Assembler<U> {
    /// For a stream that begins.
    pub fn new(units: U) -> Self {
        Assembler {
            units,
            partial: Vec::new(),
            extent: None,
            failed: None,
        }
    }

    /// What the units are.
    pub fn units(&mut self) -> &mut U {
        &mut self.units
    }

    /// Forgets what has come: another stream begins.
    pub fn reset(&mut self) {
        self.partial = Vec::new();
        self.extent = None;
        self.failed = None;
    }

    /// Takes the next bytes of the stream and offers every unit that they complete to `sink`, in order, until it refuses one.
    /// Returns how many bytes are taken: the others, and the unit that was refused, come with the next push, of the rest of the
    /// input even where that is nothing.
    ///
    /// # Errors
    /// Those of the units and of `sink`, again with every later call. What was given before holds.
    #[inline]
    pub fn push(
        &mut self,
        input: &[u8],
        sink: impl FnMut(&mut U, Unit<'_>) -> Result<bool, U::Error>,
    ) -> Result<usize, U::Error> {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let result = self.advance(input, sink);
        if let Err(error) = result {
            self.reset();
            self.failed = Some(error);
        }
        result
    }

    #[inline]
    fn advance(
        &mut self,
        input: &[u8],
        mut sink: impl FnMut(&mut U, Unit<'_>) -> Result<bool, U::Error>,
    ) -> Result<usize, U::Error> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let unit = if !self.partial.is_empty() {
                let (taken, whole) = self.join(rest)?;
                at += taken;
                let Some(extent) = whole else { break };
                let (bytes, start) = (&self.partial[..], None);
                Unit { bytes, extent, start }
            } else if rest.is_empty() {
                break;
            } else {
                let measured = self.units.measure(rest)?;
                let Some(unit) = measured.and_then(|extent| {
                    let bytes = rest.get(..usize::try_from(extent.total()).ok()?)?;
                    let start = Some(at);
                    Some(Unit { bytes, extent, start })
                }) else {
                    self.extent = measured;
                    self.keep(rest);
                    at = input.len();
                    break;
                };
                unit
            };
            if !sink(&mut self.units, unit)? {
                break;
            }
            if unit.start.is_some() {
                at += unit.bytes.len();
            } else {
                self.partial.clear();
                self.partial.shrink_to(KEEP_CAPACITY);
                self.extent = None;
            }
        }
        Ok(at)
    }

    /// Adds to the unit that began earlier. Returns how many bytes are its, and what it is if that makes it whole.
    #[cold]
    fn join(&mut self, input: &[u8]) -> Result<(usize, Option<Extent>), U::Error> {
        if self.extent.is_none() {
            self.extent = self.units.measure_joined(&self.partial, input)?;
        }
        let held = self.partial.len() as u64;
        let whole = self.extent.filter(|extent| extent.total() - held <= input.len() as u64);
        let taken = whole.map_or(input.len(), |extent| (extent.total() - held) as usize);
        self.keep(&input[..taken]);
        Ok((taken, whole))
    }

    /// Adds to the memory of the unit, which grows as a vector does, but never beyond the unit.
    fn keep(&mut self, bytes: &[u8]) {
        let Assembler { partial, extent, .. } = self;
        let held = partial.len() + bytes.len();
        if held > partial.capacity() {
            let total = extent.map_or(u64::MAX, Extent::total);
            let twice = total.min(2 * partial.capacity() as u64) as usize;
            partial.reserve_exact(twice.max(held) - partial.len());
        }
        partial.extend_from_slice(bytes);
    }

    /// The bytes that have come of a unit whose end has not: when the stream ends, any at all mean that it was cut short.
    pub fn held(&self) -> &[u8] {
        &self.partial
    }

    /// All of that unit, once that is known.
    pub fn extent(&self) -> Option<Extent> {
        self.extent
    }

    /// The memory for it.
    pub fn capacity(&self) -> usize {
        self.partial.capacity()
    }
}
