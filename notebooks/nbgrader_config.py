"""nbgrader's settings for this course; copy it into the course's folder (GUIDE.md, "Grading")."""

import os

# `course.check` prints what it finds. nbgrader gives a cell its points unless it raises, so here it must raise.
os.environ["WORKBENCH_GRADING"] = "1"

c = get_config()  # nbgrader provides it
c.CourseDirectory.course_id = "hi-lander"
c.ClearSolutions.begin_solution_delimeter = "# solution"
c.ClearSolutions.end_solution_delimeter = "# end"
c.ClearSolutions.code_stub = {"python": "answer = ...  # your code"}
c.ExecutePreprocessor.timeout = 600  # seconds a cell

# `nbgrader zip_collect 06_decode` takes STUDENT_06_decode.ipynb, or archives, from downloaded/06_decode/archive/.
c.FileNameCollectorPlugin.named_regexp = r".*[/\\](?P<student_id>[^/\\]+)_(?P<file_id>\d\d_\w+)"
