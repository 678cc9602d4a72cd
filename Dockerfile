# The course for a class: JupyterLab on its first page, or the image of a JupyterHub. docs/elsewhere.md says how to use it.
#   docker build -t hilander-workbench .
#   docker run --rm -p 8888:8888 hilander-workbench
FROM python:3.11-slim
RUN apt-get update && apt-get install -y --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home --uid 1000 student
WORKDIR /home/student/workbench

# The libraries first: they change seldom, and their layer is kept.
COPY --chown=student pyproject.toml constraints.txt README.md LICENSE ./
COPY --chown=student workbench/__init__.py workbench/__init__.py
RUN pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu -c constraints.txt -e . jupyterhub

COPY --chown=student . .
RUN chown student . && chmod -R a+rX .
# Data sets are drawn once, when the image is made: one copy for all, which nobody needs to write.
ENV WORKBENCH_DATA=/srv/workbench OMP_NUM_THREADS=1
RUN mkdir -p "$WORKBENCH_DATA" && python binder/data.py && chmod -R a+rX,go-w "$WORKBENCH_DATA"
USER student
EXPOSE 8888
CMD ["jupyter", "lab", "--ip=0.0.0.0", "--no-browser", "--notebook-dir=notebooks", "--LabApp.default_url=/lab/tree/START.ipynb"]
