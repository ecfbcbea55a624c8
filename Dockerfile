# One image for web, worker and migrations; the command decides (see deploy/compose.yaml).
ARG PYTHON_TAG=3.13-slim-trixie

FROM python:${PYTHON_TAG} AS build
WORKDIR /app
COPY requirements.txt ./
RUN python -m venv /venv \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check --only-binary :all: \
        --require-hashes --requirement requirements.txt
COPY translations ./translations
RUN /venv/bin/python -m babel.messages.frontend compile --directory translations

FROM python:${PYTHON_TAG}
ENV PATH=/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    ENVIRONMENT=production \
    FLASK_APP=wsgi \
    HOST=0.0.0.0 \
    PORT=8000 \
    DATA_DIR=/tmp/areamedica
WORKDIR /app
COPY --from=build /venv /venv
COPY . ./
COPY --from=build /app/translations ./translations
RUN python -m compileall -q webapp migrations wsgi.py
USER 10001:10001
EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import http.client, os, sys; web = http.client.HTTPConnection('127.0.0.1', os.environ['PORT'], timeout=4); web.request('GET', '/health'); sys.exit(web.getresponse().status >= 500)"]
CMD ["gunicorn", "--config", "gunicorn.conf.py", "wsgi:app"]
