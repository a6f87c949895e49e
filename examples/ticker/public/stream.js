// The connection to the server: an EventSource that does not give up and says how it is.

const SILENCE = 15_000; // ms; there is a sign of life every five seconds
const RETRY = 2_000; // ms

const clock = () => new Date().toLocaleTimeString();

// handlers: what is called with the data of each event. element: where the state is told.
export function follow(address, handlers, element) {
  let source;
  let silence;
  let asOf;

  function show(state, text) {
    document.body.dataset.state = state;
    // Unchanged text is not set again, which would have it read out once more.
    if (element.textContent !== text) element.textContent = text;
  }

  const since = () => (asOf ? `, amounts of ${asOf}` : '');
  const lost = () => show('lost', `Reconnecting${since()}`);

  function heard() {
    clearTimeout(silence);
    silence = setTimeout(() => {
      lost();
      open();
    }, SILENCE);
  }

  function open() {
    source?.close();
    const current = (source = new EventSource(address));
    heard();
    source.addEventListener('state', (event) => {
      heard();
      const { database, error } = JSON.parse(event.data);
      if (database) {
        asOf = undefined;
        show('live', 'Live');
      } else {
        asOf ??= clock();
        show('database', `Database unavailable${since()}`);
      }
      handlers.state?.({ database, error });
    });
    for (const [name, handler] of Object.entries(handlers)) {
      if (name === 'state') continue;
      source.addEventListener(name, (event) => {
        heard();
        handler(JSON.parse(event.data));
      });
    }
    source.onerror = () => {
      asOf ??= clock();
      lost();
      // It tries again by itself, but not after an answer that is no stream, say a proxy's error.
      if (current.readyState === EventSource.CLOSED && current === source) setTimeout(open, RETRY);
    };
  }

  open();
}
