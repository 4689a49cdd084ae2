"""What does a dashboard show, before anybody deploys it? Data, answers, pictures, and what is wrong with them."""
