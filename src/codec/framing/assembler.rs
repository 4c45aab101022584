//! Assembles the units of a stream that arrives in arbitrary pieces, for formats in which a unit states or shows
//! where it ends.

/// Above this capacity in bytes, the memory of an assembled unit is freed when the unit is complete, so that one
/// large unit does not hold memory in a stream of small ones. It is the engine's read size: a smaller unit needs at
/// most two reads.
const KEEP_CAPACITY: usize = 64 * 1024;

/// The sizes of the parts of a unit in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// The bytes before the body.
    pub head: u64,
    /// The body.
    pub body: u64,
    /// The bytes after the body.
    pub foot: u64,
}

impl Extent {
    /// The size of the whole unit.
    #[inline]
    pub fn total(self) -> u64 {
        self.head + self.body + self.foot
    }
}

/// A complete unit.
#[derive(Clone, Copy, Debug)]
pub struct Unit<'a> {
    /// All its bytes.
    pub bytes: &'a [u8],
    /// The sizes of its parts.
    pub extent: Extent,
    /// Its offset in the input; `None` if it began in an earlier input.
    pub start: Option<usize>,
}

/// The format of a stream's units.
pub trait Units {
    /// Why the stream cannot be read further.
    type Error: Copy;

    /// Measures the unit at the start of `bytes`, as soon as they suffice for that.
    ///
    /// # Errors
    /// The unit is invalid or exceeds a limit.
    fn measure(&self, bytes: &[u8]) -> Result<Option<Extent>, Self::Error>;

    /// Like [`Units::measure`], for a unit that begins with `held`, which did not suffice, and continues with `more`.
    ///
    /// # Errors
    /// Those of [`Units::measure`].
    fn measure_joined(&self, held: &[u8], more: &[u8]) -> Result<Option<Extent>, Self::Error>;
}

/// Splits a stream into units, and stores the beginning of a unit until its end arrives.
///
/// Memory is allocated only for bytes that have arrived (at most twice their size, and not more than the unit), never
/// for an announced length.
#[derive(Debug)]
pub struct Assembler<U: Units> {
    units: U,
    partial: Vec<u8>,
    /// The extent of the stored unit, when it is known.
    extent: Option<Extent>,
    failed: Option<U::Error>,
}

impl<U: Units> Assembler<U> {
    /// Creates an assembler for a new stream.
    pub fn new(units: U) -> Self {
        Assembler {
            units,
            partial: Vec::new(),
            extent: None,
            failed: None,
        }
    }

    /// The format of the units.
    pub fn units(&mut self) -> &mut U {
        &mut self.units
    }

    /// Discards all state: a new stream begins.
    pub fn reset(&mut self) {
        self.partial = Vec::new();
        self.extent = None;
        self.failed = None;
    }

    /// Takes the next bytes of the stream and passes each completed unit to `sink`, in order, until it refuses one.
    /// Returns the number of bytes consumed. The remaining bytes, and the unit that was refused, must come with the
    /// next push: call it with the rest of the input, even if that is empty.
    ///
    /// # Errors
    /// Those of the units and of `sink`, repeated by every later call. Units passed before an error remain valid.
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

    /// Adds to the stored unit. Returns how many bytes belong to it, and its extent if that completes it.
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

    /// Adds to the memory of the unit. It grows like a vector, but never beyond the size of the unit.
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

    /// The stored bytes of an incomplete unit. If there are any when the stream ends, the stream was cut short.
    pub fn held(&self) -> &[u8] {
        &self.partial
    }

    /// The extent of the stored unit, if it is known.
    pub fn extent(&self) -> Option<Extent> {
        self.extent
    }

    /// The capacity of the memory for the stored unit.
    pub fn capacity(&self) -> usize {
        self.partial.capacity()
    }
}
