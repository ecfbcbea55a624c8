"use strict";

// Loaded before the reader of the API's contract, which it starts when everything is there.
(() => {
  const place = document.getElementById("reference");
  const { nonce, tool, url } = place.dataset;

  // ReDoc makes its style sheets by script and knows no nonce: every one that it makes gets the page's.
  const create = document.createElement.bind(document);
  document.createElement = (name, options) => {
    const element = create(name, options);
    if (String(name).toLowerCase() === "style") {
      element.nonce = nonce;
    }
    return element;
  };

  const sans = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
  const start = {
    swagger() {
      window.SwaggerUIBundle({
        url,
        domNode: place,
        deepLinking: true,
        displayRequestDuration: true,
        filter: true,
        validatorUrl: null,
        presets: [window.SwaggerUIBundle.presets.apis],
        layout: "BaseLayout",
      });
    },
    redoc() {
      const options = {
        disableSearch: true, // it would run in a worker made of text
        hideDownloadButton: true, // the page's header has the link
        nativeScrollbars: true,
        scrollYOffset: ".docs-header",
        theme: {
          typography: { fontFamily: sans, headings: { fontFamily: sans } },
          colors: { primary: { main: "#14496b" } },
        },
      };
      window.Redoc.init(url, options, place);
    },
  };
  document.addEventListener("DOMContentLoaded", start[tool]);
})();
