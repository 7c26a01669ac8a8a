// The search of the site runs in a worker. Browsers start no worker from file://, so there a hidden frame takes its place.
if (location.protocol === "file:") {
  window.Worker = class FileWorker extends EventTarget {
    constructor(url) {
      super();
      const address = new URL(url, location.href).href;
      const frame = document.createElement("iframe");
      frame.hidden = true;
      this.ready = new Promise((done) => {
        const start = () => {
          document.body.append(frame);
          const inner = frame.contentWindow;
          inner.postMessage = (data) => this.answer(data);
          const script = inner.document.createElement("script");
          script.onload = () => done(inner);
          script.src = address;
          inner.document.head.append(script);
        };
        if (document.body) start();
        else addEventListener("DOMContentLoaded", start);
      });
    }

    answer(data) {
      const event = new MessageEvent("message", { data });
      this.dispatchEvent(event);
      if (this.onmessage) this.onmessage(event);
    }

    postMessage(data) {
      this.ready.then((inner) => inner.dispatchEvent(new inner.MessageEvent("message", { data })));
    }

    terminate() {}
  };
}
