"""The quiz's questions, each option with its reason: the one source of `QUIZ.md`, the page and the widget."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Option:
    """An answer to choose, and what is said to who chooses it."""

    text: str
    why: str


@dataclass(frozen=True)
class Question:
    """A question with options, of which `options[right]` is right.

    Example:
        >>> QUESTIONS[0].options[QUESTIONS[0].right].text
        'Those of the k-NN graph: n k pairs in place of n (n - 1) / 2'
    """

    topic: str
    text: str
    right: int
    options: tuple[Option, ...]


def _question(topic: str, text: str, right: int, *options: tuple[str, str]) -> Question:
    return Question(topic, text, right, tuple(Option(*option) for option in options))


QUESTIONS: tuple[Question, ...] = (
    _question(
        "k-NN graph",
        "For which pairs of images does LANDER predict a linkage?",
        1,
        (
            "All n (n - 1) / 2 pairs, of which only those above tau are kept in memory",
            "That grows with n squared; the graph exists to avoid it.",
        ),
        (
            "Those of the k-NN graph: n k pairs in place of n (n - 1) / 2",
            "Pairs outside the lists are joined only by way of others, or at a higher level.",
        ),
        (
            "Only the pairs that list each other",
            "Lists need not be mutual: a hub is listed by many that it does not list.",
        ),
        ("A random sample of pairs", "Training may sample links; what is predicted is every link of the graph."),
    ),
    _question(
        "linkage",
        "Two images have cosine similarity .9 and linkage .2. What does that say?",
        2,
        (
            "The model is broken: a linkage is a calibrated similarity, so it must rise with the cosine",
            "It is learned from similarity in context; in a crowded place .9 may mean little.",
        ),
        (
            "They share 20 % of their neighbours",
            "Shared neighbours are one input; the linkage is a probability of one class.",
        ),
        (
            "They look alike, but the model finds one class improbable, judging by the graph around them",
            "Linkage is P(same class), read from the graph around the pair.",
        ),
        ("They will be linked if tau is below .9", "tau is compared with the linkage, not with the similarity."),
    ),
    _question(
        "density",
        "What is the density of an image in this method?",
        0,
        (
            "How strongly its neighbours are of its own class: mean similarity, counted + or -",
            "d_i = mean of s_ij (2 r_ij - 1): high inside a class, low or negative between classes.",
        ),
        (
            "The number of images within a fixed distance",
            "That is DBSCAN's; here neighbours of other classes count against it.",
        ),
        (
            "The mean similarity to its k neighbours",
            "Without the sign, a point between two classes would seem dense; that is the decode with no learning.",
        ),
        ("How many other images list it", "That is its in-degree: a hub may lie between classes."),
    ),
    _question(
        "denser neighbour",
        "Why may an image be linked only to a denser neighbour?",
        3,
        (
            "Because denser neighbours are more similar",
            "They need not be: often the most similar neighbour is less dense.",
        ),
        ("To make the graph symmetric", "The links kept are directed, one for each image that is no peak."),
        ("To save time: fewer links to score", "All links are scored anyway; the rule is part of the decode."),
        (
            "So that no cycle arises and sparse points between classes cannot chain two classes together",
            "Density rises along every path, which ends at a peak; a point at the border sends one link only.",
        ),
    ),
    _question(
        "tau",
        "You raise tau from .5 to .9 and decode the same predictions of one level again. What can happen?",
        3,
        (
            "Images change to another cluster, as their best link now leads to another peak",
            "The best link of an image stays its best link; it is kept or dropped.",
        ),
        ("Nothing, since the density decides", "The neighbour must be denser and its linkage above tau: both."),
        ("Clusters merge, since only strong links count", "A threshold on links can only take links away."),
        (
            "Links are dropped, so clusters split; nothing is joined",
            "At one level the clusters at .9 lie inside those at .5: precision tends to rise, recall to fall.",
        ),
    ),
    _question(
        "levels",
        "After a level, what stands for a cluster at the next one?",
        2,
        (
            "All its images, with the links inside the cluster removed and new links between clusters",
            "The next graph has one node per cluster; that is why levels get small quickly.",
        ),
        ("A random one of its images", "It is the peak, which the densities settle."),
        (
            "One super-node: the peak's feature and the mean feature of all its images",
            "Identity feature and average feature; a new k-NN graph is built of them.",
        ),
        (
            "The mean of the last level's super-nodes",
            "The average is over the original images, else small clusters would weigh as much as large ones.",
        ),
    ),
    _question(
        "pairwise and BCubed",
        "One class of 1,000 images is cut into halves; 100 classes of 10 are found perfectly. Which recall is lower?",
        0,
        (
            "Pairwise recall, about .5; BCubed recall is about .75",
            "Pairs of the large class outnumber all others 100 to 1; for BCubed it holds half of the images.",
        ),
        (
            "BCubed recall, since it averages over images, and half of the images are in the large class",
            "Half of the images lose half of their class: .75; of the pairs nearly half are lost.",
        ),
        (
            "Both are equal, since precision is 1",
            "They agree on precision here; recall weighs the large class differently.",
        ),
        ("Neither falls: no image has a wrong companion", "That is precision. Recall asks who is missing."),
    ),
    _question(
        "NMI",
        "On many small classes, making every image a cluster of its own has NMI .8. What is wrong?",
        1,
        ("NMI was computed with the wrong logarithm", "The base cancels in the ratio."),
        (
            "NMI rewards many clusters even where they mean nothing",
            "Read AMI or F beside it: AMI takes off what chance would give, and is 0 here.",
        ),
        ("NMI ignores small classes", "It counts them; it rewards the many clusters."),
        (
            "Nothing: singletons are a good clustering of small classes",
            "No two images were put together: recall over pairs is 0.",
        ),
    ),
    _question(
        "tuned baselines",
        "HDBSCAN's settings were chosen on the test set, ours on held-out classes. What may be concluded?",
        1,
        (
            "If ours wins, nothing, since the settings differ",
            "It then wins against a favoured opponent, which is the stronger result.",
        ),
        (
            "If HDBSCAN wins, little: it has seen the answers",
            "Settings chosen with test labels are an oracle; tune both on the same held-out classes.",
        ),
        (
            "The comparison is fair, since HDBSCAN has no training",
            "Choosing settings by labels is training, if only of a few numbers.",
        ),
        (
            "Both must use the library's default settings",
            "Defaults favour whoever wrote them for such data; equal tuning is fair.",
        ),
    ),
    _question(
        "unseen sizes",
        "Test classes have about 65 images each, those of meta-training about 22. Why does that matter?",
        0,
        (
            "Density, hubs and the number of levels needed change with sizes; what was learned must carry over",
            "With k = 10 a class of 65 needs several levels; a model made for 22 may stop too early.",
        ),
        (
            "The encoder has not seen such large classes",
            "The encoder looks at one image at a time; sizes do not reach it.",
        ),
        (
            "It does not: the classes are new in both cases",
            "Sizes are one more thing that may differ, and it can be measured apart.",
        ),
        ("k must be at least the class size", "Levels are there so that a small k suffices."),
    ),
    _question(
        "on-policy training",
        "Why are training levels built by the model itself, again and again, rather than once from the true labels?",
        0,
        (
            "At inference it meets the super-nodes that its own mistakes make",
            "It must be trained on such graphs: trained on a teacher's, its upper levels add almost no link.",
        ),
        (
            "Because the true labels of upper levels are not known, so that a teacher would have to guess",
            "They are known: a super-node takes its class from its images, in both ways of training.",
        ),
        ("To save memory", "Building levels again costs more, not less."),
        (
            "So that upper levels have fewer nodes to train on",
            "The number of nodes is not the point; which graphs they form is.",
        ),
    ),
    _question(
        "oracle",
        "With true links and densities in place of predictions, F is .99; the model reaches .90. Where is the loss?",
        3,
        ("In the k-NN graph: its lists miss true neighbours", "The oracle had the same graph, and lost .01 only."),
        ("In the decode: one link per image is too few", "The oracle decodes the same way."),
        ("In the scores: F is never 1", "Equal partitions score exactly 1."),
        (
            "In the predictions",
            "The oracle changes the predictions only: .09 is theirs, .01 that of graph, decode and levels.",
        ),
    ),
)
