// Search in a site that is opened from the disk: browsers start no workers there, so the worker runs in a frame.
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      const frame = document.createElement("iframe");
      frame.hidden = true;
      document.body.append(frame);
      const inside = frame.contentWindow;
      inside.postMessage = (data) => {
        const message = new MessageEvent("message", { data: structuredClone(data) });
        setTimeout(() => this.dispatchEvent(message) && this.onmessage?.(message));
      };
      const script = inside.document.createElement("script");
      script.src = url;
      this.ready = new Promise((resolve) => (script.onload = resolve));
      inside.document.head.append(script);
      this.frame = frame;
    }
    postMessage(data) {
      const inside = this.frame.contentWindow;
      const message = new inside.MessageEvent("message", { data: structuredClone(data) });
      this.ready.then(() => setTimeout(() => inside.dispatchEvent(message)));
    }
    terminate() {
      this.frame.remove();
    }
  };
}
